"""What scripts/soak calls growth, and what it says of a soak that went wrong."""

import argparse
import unittest

import made
from measure.options import UsageError
from measure.soak import Look, Soak, growth, grows, slope, soak, summary

MIB = 1 << 20
FACTS = {"cpu": "a CPU", "kernel": "6", "commit": "abc"}


def looks(*sizes):
    return [Look(60.0 * number, int(size * MIB)) for number, size in enumerate(sizes, 1)]


def told(happened):
    arguments = argparse.Namespace(minutes=9.0, rate=100)
    entry = made.entry("corecast", "corecast")
    return summary(happened, entry, arguments, FACTS, "2026-11-27")


class Growth(unittest.TestCase):
    def test_the_first_third_is_warming_up(self):
        self.assertEqual(growth(looks(1, 2, 9, 9, 9, 9)), (9 * MIB, 9 * MIB))
        self.assertEqual(growth(looks(1, 1, 9, 9, 20, 20)), (9 * MIB, 20 * MIB))
        self.assertIsNone(growth(looks(1, 2, 3, 4, 5)))

    def test_a_little_is_not_growth(self):
        self.assertFalse(grows(10 * MIB, 11 * MIB))
        self.assertTrue(grows(10 * MIB, 11 * MIB + 1))
        self.assertFalse(grows(1000 * MIB, 1050 * MIB))
        self.assertTrue(grows(1000 * MIB, 1051 * MIB))


class Slopes(unittest.TestCase):
    def test_the_second_half_counts_and_its_interval_is_around_it(self):
        found = slope(looks(*[50] * 20, *[9 + 0.5 * number for number in range(20)]))
        self.assertEqual((found.lowest, found.median, found.highest, found.rounds), (0.5 * MIB, 0.5 * MIB, 0.5 * MIB, 20))
        self.assertTrue(found.is_growth)

    def test_noise_and_a_step_are_not_growth(self):
        noise = [9, 9.6, 8.7, 9.3, 9.1, 8.8, 9.4, 9.2, 8.9, 9.5]
        self.assertFalse(slope(looks(*noise * 2)).is_growth)
        self.assertFalse(slope(looks(*noise, *noise[:-1], 19)).is_growth)

    def test_a_steady_little_is_not_growth_until_it_is_a_mebibyte(self):
        little, much = ([9 + each * number for number in range(20)] for each in (0.1, 0.11))
        self.assertFalse(slope(looks(*little)).is_growth)
        self.assertTrue(slope(looks(*much)).is_growth)


class Words(unittest.TestCase):
    def test_what_the_broker_holds_is_told_apart_from_what_the_allocator_keeps(self):
        grown = [Look(60.0 * number, (9 + number) * MIB, 5 * MIB) for number in range(20)]
        text, is_good = told(Soak(grown, [], {"is_true": True}))
        self.assertFalse(is_good)
        self.assertIn("**Memory grew**", text)
        self.assertIn("What the broker itself holds did not grow. Over the last 10 rounds it changed by +0.0 KiB", text)
        self.assertIn("| 1.0 | 10.00 MiB | 5.00 MiB |", text)

    def test_steady_and_true_is_good(self):
        text, is_good = told(Soak(looks(9, 9, 9, 9, 9, 9), [], {"is_true": True}))
        self.assertTrue(is_good)
        self.assertIn("# Soak of 9 minutes, 2026-11-27\n", text)
        self.assertIn("**Memory did not grow**: 9.00 MiB", text)
        self.assertIn("Every message was accounted for.", text)

    def test_growth_an_untrue_run_and_too_few_rounds_are_not(self):
        for happened, words in (
            (Soak(looks(9, 9, 9, 9, 19, 19), [], {"is_true": True}), "**Memory grew**: 9.00 MiB"),
            (Soak(looks(9, 9, 9, 9, 9, 9), ["round 2, conn: lost"], {"is_true": True}), "- **round 2, conn: lost**"),
            (Soak(looks(9, 9, 9, 9, 9, 9), [], {"is_true": False}), "did not grow"),
            (Soak(looks(*[90 + 0.2 * number for number in range(24)]), [], {"is_true": True}), "+204.8 KiB a round"),
            (Soak(looks(9, 9), [], {"is_true": True}), "**Cannot tell**"),
        ):
            text, is_good = told(happened)
            self.assertFalse(is_good)
            self.assertIn(words, text)

    def test_the_steady_traffic_is_told_in_words(self):
        truth = {"lost": 0, "duplicated": 2, "out_of_order": 0, "foreign": 0, "unreadable": 0, "stalls": 0, "worst": []}
        latency = {"count": 7200, "p50_us": 93.4, "p99_us": 2922.5, "p99_9_us": 6799.4, "max_us": 31752.2}
        steady = {"is_true": False, "said": "2 duplicated; exit code 3", "truth": truth, "latency": latency}
        text, _ = told(Soak(looks(9, 9, 9, 9, 9, 9), [], steady))
        counts = "7,200 messages, 0 lost, 2 duplicated, 0 out of order, 0 foreign, 0 unreadable; latency in ms: "
        late = "median 0.093, 99 % 2.92, 99.9 % 6.80, longest 31.8. **2 duplicated; exit code 3**."
        self.assertIn(f"Steady traffic: {counts}{late}", text)
        text, _ = told(Soak(looks(9, 9), [], {"is_true": False, "said": "no report", "truth": None, "latency": None}))
        self.assertIn("Steady traffic: **no report**.", text)

    def test_flags_that_make_no_sense_are_refused(self):
        for words in (["--minutes", "0"], ["--rate", "0"], ["--settle", "-1"]):
            with self.assertRaises(UsageError):
                soak(words)
