"""Sound on the recording's clock, and the sharp ones in it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import lfilter

from clapboard.problems import InputError
from clapboard.timing.sound import Sound, find_transients, read_sound
from clapboard.video.footage import read_chapters
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import build_index
from clapboard.video.media import open_video
from tests.filming import Camera, film_recording

RATE = 48_000
LONGER = Fraction(1, 20)
MILLISECOND = Fraction(1, 1000)


def index_of(take) -> RecordingIndex:
    footage, problems = read_chapters([str(file) for file in take.chapters], "video", None)
    assert not problems
    return build_index("S1C2", footage, "video")


@pytest.mark.parametrize("suffix", [".MP4", ".mov", ".mkv", ".ts"])
def test_beeps_are_heard_when_they_were_made(tmp_path, suffix):
    beeps = [Fraction(1, 2), Fraction(33, 10), Fraction(57, 10)]
    camera = Camera(b_frames=2, sound_longer=LONGER, start=Fraction(1, 3))
    take = film_recording(tmp_path, camera, [70, 60, 80], suffix, beeps)
    index = index_of(take)
    sound = read_sound(index, Fraction(0), Fraction(100))
    assert sound.stop - index.duration < MILLISECOND
    heard = sorted(transient.time for transient in find_transients(sound))
    assert len(heard) == 3
    assert all(abs(a - b) < 3 * MILLISECOND for a, b in zip(heard, beeps, strict=True))


def test_a_part_is_the_same_as_the_whole(tmp_path):
    take = film_recording(tmp_path, Camera(sound_longer=LONGER), [90, 90], beeps=[Fraction(5)])
    index = index_of(take)
    whole = read_sound(index, Fraction(0), index.duration)
    part = read_sound(index, Fraction(2), Fraction(11, 2))
    assert abs(part.stop - Fraction(11, 2)) < MILLISECOND
    (beep,) = find_transients(part)
    assert beep.time == find_transients(whole)[0].time


def test_a_recording_without_sound(tmp_path):
    take = film_recording(tmp_path, Camera(), [10])
    assert read_sound(index_of(take), Fraction(0), Fraction(1)) is None


def test_damaged_packets_of_sound_are_silence_and_shift_nothing(tmp_path):
    beeps = [Fraction(1), Fraction(5)]
    take = film_recording(tmp_path, Camera(), [180], beeps=beeps)
    index = index_of(take)
    (file,) = take.chapters
    with open_video(file) as (container, _):
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        damaged = [p for p in packets if p.pos and 2 < p.pts * p.time_base < 4]
    data = bytearray(file.read_bytes())
    for packet in damaged:
        data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    file.write_bytes(data)
    sound = read_sound(index, Fraction(0), index.duration)
    quiet = sound.samples[int(2.1 * RATE) : int(3.9 * RATE)]
    assert not quiet.any()
    heard = sorted(transient.time for transient in find_transients(sound, 2))
    assert all(abs(a - b) < 3 * MILLISECOND for a, b in zip(heard, beeps, strict=True))


def test_a_chapter_that_is_gone_is_named(tmp_path):
    take = film_recording(tmp_path, Camera(), [30], beeps=[Fraction(1, 2)])
    index = index_of(take)
    take.chapters[0].unlink()
    with pytest.raises(InputError, match=take.chapters[0].name):
        read_sound(index, Fraction(0), index.duration)


def room(seconds: float, seed: int = 0) -> np.ndarray:
    """A lab: hum, air conditioning, and voices that come and go."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    noise = rng.normal(0, 0.004, len(time))
    voice = lfilter([1], [1, -0.97], rng.normal(0, 0.01, len(time)))
    return noise + 0.02 * np.sin(100 * np.pi * time) + voice * (np.sin(2 * time) > 0) * 0.6


def clap(loudness: float, seed: int = 1) -> np.ndarray:
    """Two boards: a burst of noise within a fraction of a millisecond, then the room's echo."""
    time = np.arange(RATE // 2) / RATE
    burst = np.random.default_rng(seed).normal(0, 1, len(time))
    return loudness * burst * np.exp(-time / 0.03) * np.minimum(1, time / 0.0005)


def with_claps(samples: np.ndarray, claps: dict[float, float]) -> Sound:
    samples = samples.copy()
    for time, loudness in claps.items():
        place = round(time * RATE)
        echo = clap(loudness)[: len(samples) - place]
        samples[place : place + len(echo)] += echo
    return Sound(samples.astype(np.float32), RATE, Fraction(10))


@pytest.mark.parametrize("seed", range(5))
def test_a_clap_stands_out_from_a_noisy_room(seed):
    heard = find_transients(with_claps(room(20, seed), {12.345: 0.5}))
    assert abs(heard[0].time - 10 - Fraction("12.345")) < MILLISECOND
    assert len(heard) == 1 or heard[0].level > heard[1].level + 6


def test_the_most_distinct_comes_first():
    heard = find_transients(with_claps(room(20), {5: 0.1, 12: 0.8, 17: 0.3}))
    assert [round(float(transient.time - 10), 2) for transient in heard[:3]] == [12, 17, 5]


def test_one_clap_is_one_transient():
    heard = find_transients(with_claps(room(4), {2: 0.5}), count=50)
    assert sum(abs(transient.time - 12) < Fraction(1, 3) for transient in heard) == 1


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.zeros(RATE), room(3)])
def test_nothing_stands_out_where_nothing_happens(samples):
    quiet = samples * 1.0
    if len(quiet) == 3 * RATE:
        quiet = np.random.default_rng(0).normal(0, 0.01, 3 * RATE)
    assert find_transients(Sound(quiet.astype(np.float32), RATE, Fraction(0))) == []
