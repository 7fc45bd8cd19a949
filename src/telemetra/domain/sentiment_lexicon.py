"""
The words, phrases and emotes of chat with their colour, from -1 (grim) to 1 (glad). Data only.

Chosen by hand for game streams: slang counts as it is meant there (`sick`, `insane`, `clean` are praise), and swearing
without a target colours little. Words are lower case, without apostrophes; emotes are as they are written.
"""

from __future__ import annotations

from typing import Final

_WORDS_BY_VALENCE: Final[dict[float, str]] = {
    0.9: "love loved amazing awesome beautiful perfect masterpiece goat goated legendary incredible best",
    0.7: (
        "great excellent wonderful fantastic brilliant gorgeous adorable hype hyped pog pogchamp poggers pogu excited "
        "insane sick clutch glorious superb stunning epic congrats congratulations blessed winner proud grateful yay "
        "woohoo loves loving victory king queen legend"
    ),
    0.5: (
        "good nice cool happy fun funny hilarious cute sweet clean smooth win wins won winning thanks thank ty tysm thx "
        "gg ggs wp glad enjoy enjoyed enjoying wholesome cozy comfy based wow yes yeah yep lol lmao lmfao rofl haha "
        "hahaha hehe lul lulw kekw omegalul xd pretty lovely better favorite favourite joy kind smart clever welcome "
        "gz grats respect iconic yum delicious bravo hooray hurray cheers lit fire slay underrated"
    ),
    0.3: (
        "like liked fine ok okay lucky calm chill relaxing safe easy ez solid fair correct true hi hello hey heya "
        "hiya interesting wholesomely fresh hope hopefully please interested agree agreed cheer smile smiling valid "
        "deserved improved works worked wooo pls finally"
    ),
    -0.3: (
        "boring bored slow weird odd lag laggy lagging miss missed late tired ugh meh wait unlucky unfortunate rip oof "
        "yikes bruh sus wrong mistake wasted cringe sleepy problem confusing confused crazy nervous scary scared "
        "dang ow ouch sigh hmm expensive overrated nerfed spoiler spoilers f"
    ),
    -0.5: (
        "bad sad lose loses lost losing loser fail failed fails failure dead died dies die crash crashed broken bug "
        "bugged buggy annoying angry mad rage cry crying hurt hurts pain painful unfair cheater cheating cheat robbed "
        "scam scammed sadge despair stupid dumb lame wtf sucks suck sucked gross ew nasty ugly creepy poor "
        "disappointed disappointing toxic whiff whiffed throw throwing threw scuffed copium worse tragic unwatchable "
        "nope wrongly rigged griefing fraud mid ruined ruin hell cursed stuck nightmare"
    ),
    -0.7: "terrible awful horrible hate hated hates hating trash garbage disgusting pathetic idiot moron worthless dogshit",
    -0.9: "worst kys vile despicable unbearable",
}  # fmt: skip

_EMOTES_BY_VALENCE: Final[dict[float, str]] = {
    0.9: "<3 bleedPurple TwitchUnity peepoLove catKISS LuvHearts LuvPeekL LuvPeekR LuvSign 😍 🥰 ❤️ ❤ 💜 💖",
    0.7: (
        "PogChamp Pog POGGERS PogU PogBones Poggers POGGIES PagMan PagChomp Kreygasm FeelsAmazingMan FeelsGoodMan HYPERS "
        "peepoHappy peepoClap EZ EZClap EZY Clap Clappi HypeLUL HypeWow HypeLove GoldPLZ PartyTime widepeepoHappy "
        "BloodTrail PogSlide GIGACHAD Gladge 🎉 🔥 🥳 🤩 👏"
    ),
    0.5: (
        "LUL LULW OMEGALUL OMEGALULiguess KEKW KEKL KEKWait LMAO ICANT TREKW xD XD :D =D :) =) :-) ;) (: 4Head SeemsGood "
        "VoHiYo HeyGuys CoolCat CoolStoryBob catJAM ratJAM DinoDance pepeJAM pepeD peepoDJ vibePls VIBE PrideLove Gayge "
        "FeelsOkayMan FeelsStrongMan HolidayCookie KonCha SingsNote TPFufun bUrself PixelBob Jammies Jamgie BOOBA "
        "CorgiDerp OhMyDog GivePLZ Squid1 NODDERS Based COGGERS Comfi Cozy peepoCozy hapiCat ^_^ o/ \\o \\o/ o7 😂 🤣 😄 "
        "😀 😊 🙂 👍 😎 🙏"
    ),
    0.2: "Kappa KappaPride Keepo Jebaited TriHard MrDestructoid KomodoHype monkaHmm PepoG NOTED PopCorn Corn :P ;P",
    -0.2: "Hmmge HUHH HUH wideHUH modCheck WAITING Waiting BruhMoment monkaX monkaStare :/ :\\ :| D: 😬 🤔 😐 😳",
    -0.4: (
        "monkaS monkaW monkaGIGA ResidentSleeper Bedge Sleepo SwiftRage BabyRage DansGame FailFish WutFace SMOrc "
        "UnSane panicBasket PANIC FeelsWeirdMan Susge WeirdChamp NOPERS ThunBeast Concerned Deadge DespairMan ReallyMad "
        "RAGEY MadgeLate Madge 😡 😠 😴 🤮 👎"
    ),
    -0.6: (
        "NotLikeThis BibleThump Sadge PepeHands FeelsBadMan FeelsRainMan PoroSad peepoSad widepeepoSad ohCry runSadCat "
        "peepoCry PainPeko Painge Despairge :( =( :'( :-( ;_; T_T TT_TT PunOko RIPCheer 😢 😭 💔 ☹️ 😞"
    ),
}  # fmt: skip

WORDS: Final[dict[str, float]] = {
    word: valence for valence, words in _WORDS_BY_VALENCE.items() for word in words.split()
}
EMOTES: Final[dict[str, float]] = {
    emote: valence for valence, emotes in _EMOTES_BY_VALENCE.items() for emote in emotes.split()
}
EMOTE_STEMS: Final[dict[str, float]] = {
    "Hype": 0.7, "Love": 0.9, "Heart": 0.9, "Hug": 0.8, "Happy": 0.7, "GG": 0.6, "Lol": 0.5, "Lul": 0.5, "Laugh": 0.5,
    "Jam": 0.5, "JAM": 0.5, "Dance": 0.5, "Hi": 0.4, "Wave": 0.4, "Cool": 0.4, "Bless": 0.6, "Party": 0.6, "Win": 0.6,
    "Sad": -0.6, "Cry": -0.6, "Rip": -0.4, "RIP": -0.4, "Rage": -0.5, "Mad": -0.5, "Angry": -0.5, "Hate": -0.7,
    "Fail": -0.5, "Ew": -0.5, "Sleep": -0.4, "No": -0.4, "Pain": -0.6, "Panic": -0.4, "Bad": -0.5, "F": -0.3,
}  # fmt: skip
"""What a channel's own emote may end in: `carlPog`, `odoLUL`; used beside `EMOTES`."""

PHRASES: Final[dict[tuple[str, str], float]] = {
    ("lets", "go"): 0.8, ("well", "played"): 0.7, ("so", "close"): -0.3, ("oh", "no"): -0.5, ("no", "way"): 0.2,
    ("not", "bad"): 0.4, ("he", "did"): 0.3, ("good", "game"): 0.6, ("thank", "god"): 0.5, ("holy", "shit"): 0.2,
    ("no", "problem"): 0.3, ("no", "worries"): 0.3, ("shut", "up"): -0.4, ("the", "shit"): 0.3, ("pretty", "bad"): -0.6,
    ("fuck", "this"): -0.6, ("fuck", "you"): -0.6, ("hell", "yeah"): 0.7, ("oh", "god"): -0.2, ("im", "dead"): 0.4,
    ("im", "crying"): 0.4, ("pretty", "good"): 0.5, ("game", "over"): -0.3, ("good", "luck"): 0.5, ("lost", "it"): 0.0,
}  # fmt: skip
"""Two words that together mean something else; they stand for both."""

SHOUTS: Final[dict[str, float]] = {"no": -0.5, "yo": 0.3, "go": 0.5, "why": -0.4, "oh": 0.2, "pain": -0.6}
"""What short words mean when they are drawn out: `nooooo` is no negation."""

_NEGATING: Final = """
    no not never none nothing without aint isnt wasnt arent werent dont doesnt didnt wont wouldnt cant cannot couldnt
    shouldnt hasnt havent hadnt hardly barely
"""
_BOOSTING: Final = """
    very so really too super extremely absolutely totally such fucking freaking damn insanely literally truly way
"""
NEGATIONS: Final = frozenset(_NEGATING.split())
BOOSTERS: Final = frozenset(_BOOSTING.split())
