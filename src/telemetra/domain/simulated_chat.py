"""What the chatters of a simulated channel are called and say. Knows nothing of time but the hour, for who is there."""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Final

_CHATTERS: Final = 3000
"""How many people are around within an hour; by Zipf's law most of them say little."""
_FLATNESS: Final = 8
"""How far the busiest few are from saying everything."""
_REGULARS: Final = 120
"""The busiest of them are there every day, the others come and go by the hour."""
_NEWCOMERS_AN_HOUR: Final = 900


class Flavour(Enum):
    """What a message is about."""

    TALK = "talk"
    GREETING = "greeting"
    GLAD = "glad"
    GRIM = "grim"
    LAUGHTER = "laughter"
    HYPE = "hype"
    DISMAY = "dismay"


_PHRASES: Final[dict[Flavour, tuple[str, ...]]] = {
    Flavour.TALK: (
        "what game is this?", "is this the second run today?", "did you patch already", "which build is that",
        "how long has he been live", "back from dinner, what did I miss", "he always goes left here",
        "someone clip that", "chat which way", "what was the song before this one", "volume is fine here",
        "try the other door", "anyone else playing this on a handheld?", "that boss has two phases",
        "check your inventory", "first time watching, is it always this late?", "no spoilers please",
        "the map is on the wall", "you walked past a chest", "what is the record on this map", "left left left",
        "I had this on cartridge", "mods can you pin that", "hydrate", "one more run", "was that on purpose",
    ),
    Flavour.GREETING: (
        "hi", "hello chat", "good evening", "hey everyone", "welcome in raiders", "hi from the raid", "hello hello",
        "just got here", "good morning from Canada", "o/",
    ),
    Flavour.GLAD: (
        "love this game", "this is so cozy", "best part of my day", "nice one", "well played", "so good",
        "great stream tonight", "that was clean", "this soundtrack is beautiful", "happy to be here", "thank you for streaming",
    ),
    Flavour.GRIM: (
        "this is so bad", "that hitbox is terrible", "I hate this level", "lag again", "boring", "worst boss in the game",
        "unlucky", "this part is awful", "so sad", "that was unfair", "I can't watch this", "audio is broken",
    ),
    Flavour.LAUGHTER: ("lol", "lmao", "haha", "I'm crying", "hahaha that was funny", "he really said that", "what was that", "LOL"),
    Flavour.HYPE: ("LETS GO", "LET'S GOOO", "what a play", "no way", "insane", "GG", "he did it", "WOW", "clip it", "amazing"),
    Flavour.DISMAY: ("nooo", "oh no", "F", "so close", "that was terrible", "rip", "not like this", "why", "pain", "robbed"),
}  # fmt: skip
_EMOTES: Final[dict[Flavour, tuple[str, ...]]] = {
    Flavour.TALK: ("Kappa", "DansGame", "SeemsGood", "monkaS", "4Head", "Jebaited"),
    Flavour.GREETING: ("HeyGuys", "VoHiYo", "<3", "TwitchUnity"),
    Flavour.GLAD: ("<3", "SeemsGood", "FeelsGoodMan", "BloodTrail", "bleedPurple"),
    Flavour.GRIM: ("FeelsBadMan", "ResidentSleeper", "Sadge", "SMOrc", "BabyRage"),
    Flavour.LAUGHTER: ("LUL", "KEKW", "OMEGALUL", "LUL", "KEKW"),
    Flavour.HYPE: ("PogChamp", "Pog", "Kreygasm", "POGGERS", "PogChamp", "EZ"),
    Flavour.DISMAY: ("NotLikeThis", "BibleThump", "Sadge", "FailFish", "PepeHands", "NotLikeThis"),
}
_EMOTE_CHANCE: Final[dict[Flavour, float]] = {
    Flavour.TALK: 0.12,
    Flavour.GREETING: 0.45,
    Flavour.GLAD: 0.5,
    Flavour.GRIM: 0.5,
    Flavour.LAUGHTER: 0.75,
    Flavour.HYPE: 0.8,
    Flavour.DISMAY: 0.75,
}
_WORDLESS_CHANCE: Final = 0.55
"""Of the messages with an emote, how many have nothing else."""

_FIRST: Final = (
    "amber", "brisk", "calm", "dusty", "eager", "fuzzy", "gentle", "hidden", "iron", "jolly", "kind", "lunar",
    "mellow", "noble", "olive", "proud", "quiet", "rusty", "sunny", "tiny", "urban", "vivid", "windy", "young",
)  # fmt: skip
_SECOND: Final = (
    "badger", "comet", "dragon", "ember", "falcon", "goblin", "heron", "ibex", "jackal", "kraken", "lemur", "moth",
    "newt", "otter", "panda", "quail", "raven", "salmon", "toad", "urchin", "viper", "walrus", "yak", "zebra",
)  # fmt: skip


def say(rng: Random, flavour: Flavour, *, hour: int) -> tuple[str, str, tuple[str, ...]]:
    """Return who says what: the user, the text, and the emotes in it, one entry an occurrence."""
    user = _chatter(rng, hour)
    phrase = rng.choice(_PHRASES[flavour])
    if rng.random() >= _EMOTE_CHANCE[flavour]:
        return user, phrase, ()
    # Repeating one emote is how chat shouts: once most often, now and then four times.
    emotes = (rng.choice(_EMOTES[flavour]),) * rng.choice((1, 1, 1, 2, 3, 4))
    words = () if rng.random() < _WORDLESS_CHANCE else (phrase,)
    return user, " ".join(words + emotes), emotes


def _chatter(rng: Random, hour: int) -> str:
    """Draw a user by the law of Zipf and Mandelbrot: the n-th busiest says 1 / (n + `_FLATNESS`) as much."""
    rank = int(_FLATNESS * ((_CHATTERS + _FLATNESS) / _FLATNESS) ** rng.random() - _FLATNESS)
    number = rank if rank < _REGULARS else rank + hour % 10_000 * _NEWCOMERS_AN_HOUR
    block, place = divmod(number, len(_FIRST))
    generation = block // len(_SECOND)
    # `place` moves the second name too, or the busiest two dozen would share one.
    return f"{_FIRST[place]}_{_SECOND[(block + 5 * place) % len(_SECOND)]}{generation or ''}"
