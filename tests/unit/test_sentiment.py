"""The lexicon scorer: what chat means, and that no message can hurt it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetra.domain.ports import SentimentScorer
from telemetra.domain.sentiment import LexiconScorer
from telemetra.domain.sentiment_lexicon import BOOSTERS, EMOTES, NEGATIONS, PHRASES, WORDS


def score(text: str, *emotes: str) -> float:
    return LexiconScorer().score(text, emotes)


def test_it_is_a_scorer() -> None:
    scorer: SentimentScorer = LexiconScorer()
    assert scorer.score("", ()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "love this game", "LETS GOOO", "let\N{RIGHT SINGLE QUOTATION MARK}s go", "GG", "that was clean", "lmaoooo", "hahahaha", "PogChamp", "KEKW",
        "LUL LUL LUL", "😂😂😂", "<3", "not bad", "no problem", "yesss", "you are a legend!", "insane!!", "im dead",
    ],
)  # fmt: skip
def test_glad_messages_are_above_zero(text: str) -> None:
    assert score(text) > 0.2


@pytest.mark.parametrize(
    "text",
    [
        "I hate this level", "this is so bad", "nooooo", "NOOOO", "Sadge", "BibleThump", "ResidentSleeper", "not good",
        "that isn't fun", "worst boss in the game", "boooring", "NotLikeThis", ":(", "😭😭", "oh no", "don't like it",
    ],
)  # fmt: skip
def test_grim_messages_are_below_zero(text: str) -> None:
    assert score(text) < -0.15


@pytest.mark.parametrize(
    "text", ["", "   ", "what game is this?", "left left left", "no", "the the the", "…", "'", "12345"]
)
def test_messages_without_colour_are_zero(text: str) -> None:
    assert score(text) == 0


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("good", "GOOD"), ("good", "goooood"), ("good", "very good"), ("LUL", "LUL LUL LUL"), ("bad", "so bad"),
        ("good", "good PogChamp"), ("not bad at all", "good good"),
    ],
)  # fmt: skip
def test_capitals_drawn_out_letters_boosters_and_repeats_strengthen(weaker: str, stronger: str) -> None:
    assert abs(score(weaker)) < abs(score(stronger))


def test_repeating_an_emote_is_louder_but_less_than_saying_different_things() -> None:
    assert score("LUL LUL") < score("LUL KEKW")


def test_a_negation_reaches_three_words_and_no_further() -> None:
    assert score("not a very good run") < 0
    assert score("not what I came here for but good") > 0


def test_emotes_taken_out_of_the_text_by_their_source_count_all_the_same() -> None:
    assert score("", "PogChamp") == score("PogChamp", "PogChamp") == score("PogChamp")


def test_a_channels_own_emote_is_known_by_what_follows_its_prefix() -> None:
    assert score("odoLUL", "odoLUL") > 0
    assert score("channel9Sad", "channel9Sad") < 0
    assert score("odoLUL") == 0, "without the source's word it is only a strange word"


def test_a_word_that_is_an_emote_of_the_channel_is_not_read_as_a_word() -> None:
    assert score("hate") < 0
    assert score("hate", "hate") == 0


def test_emotes_are_told_apart_by_their_capitals() -> None:
    assert score("Kappa") > 0
    assert score("kappa") == 0


@given(st.text(max_size=300), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_any_message_scores_within_bounds_and_always_the_same(text: str, emotes: list[str]) -> None:
    first = score(text, *emotes)
    assert -1 <= first <= 1
    assert score(text, *emotes) == first


_tokens = st.sampled_from(
    [*WORDS, *EMOTES, *NEGATIONS, *BOOSTERS, *(word for pair in PHRASES for word in pair)]
)


@given(st.lists(_tokens, max_size=200).map(" ".join))
def test_any_pile_of_coloured_words_stays_within_bounds(text: str) -> None:
    assert -1 <= score(text) <= 1


@pytest.mark.parametrize(
    "text",
    ["o" * 10_000, "no" * 5_000, "'" * 10_000, "lol " * 2_500, "ha" * 5_000, "😂" * 10_000, "!?" * 5_000],
)
@pytest.mark.timeout(5)
def test_ten_thousand_characters_of_nonsense_are_read_at_once(text: str) -> None:
    for turn in range(300):  # Each one new to the memory of tokens: a blow-up would run into the timeout.
        assert -1 <= score(f"{turn}{text}", *text.split()) <= 1


def test_the_lexicon_holds_only_colours() -> None:
    for valence in (*WORDS.values(), *EMOTES.values(), *PHRASES.values()):
        assert -1 <= valence <= 1


def test_a_word_has_one_part_to_play() -> None:
    assert not NEGATIONS & WORDS.keys()
    assert not BOOSTERS & WORDS.keys()
    assert all(word == word.lower() and "'" not in word for word in WORDS)
