"""Statistics, lists of CPUs, the order of the runs, the recommendation."""

import unittest
from unittest.mock import patch

import made
from measure.cells import cells_of, verdict
from measure.cores import CoresError, check_cores, overlap, parse_cores, share_out, show_cores, usable_cores
from measure.floor import floor_of, floors, wait_us
from measure.loads import find_load
from measure.options import beside
from measure.runner import plan
from measure.scaling import Point, advise, efficiency
from measure.spread import is_apart, ratios_of, spread_of


class Spreads(unittest.TestCase):
    def test_a_spread_is_median_lowest_and_highest(self):
        spread = spread_of([3.0, None, 1.0, 2.0])
        self.assertEqual((spread.median, spread.low, spread.high, spread.count), (2.0, 1.0, 3.0, 3))
        self.assertEqual(spread.relative, 0.5)

    def test_nothing_known_is_no_spread(self):
        self.assertIsNone(spread_of([None, None]))

    def test_ratios_are_taken_round_by_round(self):
        # The machine became twice as fast in the second round: the ratio does not care.
        self.assertEqual(ratios_of([10.0, 20.0], [5.0, 10.0]).low, 2.0)
        self.assertEqual(ratios_of([10.0, 20.0], [5.0, 10.0]).high, 2.0)
        self.assertEqual(ratios_of([10.0, None, 9.0], [5.0, 4.0, 0.0]).count, 1)

    def test_an_order_can_be_told_only_if_the_runs_do_not_overlap(self):
        self.assertTrue(is_apart(spread_of([1, 2, 2]), spread_of([3, 4, 4])))
        self.assertFalse(is_apart(spread_of([1, 3, 3]), spread_of([3, 4, 4])))
        self.assertFalse(is_apart(spread_of([1, 2]), spread_of([3, 4])), "two runs are too few")


class Floors(unittest.TestCase):
    def test_a_moment_within_a_gap_waits_for_its_end(self):
        # A second with a gap of 20 ms: 2 % of all moments are in it, 1 % wait longer than 10 ms.
        self.assertAlmostEqual(wait_us([20_000.0], 1.0, 0.01), 10_000.0)
        self.assertAlmostEqual(wait_us([20_000.0], 1.0, 0.001), 19_000.0)
        self.assertEqual(wait_us([20_000.0], 1.0, 0.02), 0.0)

    def test_the_longest_gaps_are_waited_for_longest(self):
        # 4 ms beyond 6 in one gap, 1 ms beyond 6 in each of the others.
        gaps = [7_000.0, 10_000.0, 7_000.0, 100.0]
        self.assertAlmostEqual(wait_us(gaps, 1.0, 0.006), 6_000.0)
        self.assertAlmostEqual(wait_us(gaps, 1.0, 0.001), 9_000.0)
        self.assertEqual((wait_us(gaps, 1.0, 0.5), wait_us([], 1.0, 0.01)), (0.0, 0.0))

    def test_shares_and_extremes_are_told(self):
        floor = floor_of([50_000.0, 1_000.0], 2.0)
        self.assertAlmostEqual(floor["share"], 0.0255)
        self.assertEqual(floor["max_us"], 50_000.0)
        self.assertEqual(floor_of([], 2.0), {"share": 0.0, "p99_us": 0.0, "p99_9_us": 0.0, "max_us": 0.0})

    def test_cpus_are_watched_at_once_and_told_in_order(self):
        (core,) = usable_cores()[:1]
        (floor,) = floors([core], 0.2)
        self.assertEqual(floor["cpu"], core)
        self.assertTrue(0.0 <= floor["p99_us"] <= floor["p99_9_us"] <= floor["max_us"] < 200_000.0, floor)
        self.assertLess(floor["share"], 1.0)


class Cores(unittest.TestCase):
    def test_loadgens_cpus_are_not_the_brokers_where_there_are_enough(self):
        for usable, size, given, broker, load in (
            ([0, 1], 1, None, (0,), (1,)),
            ([0, 1], 1, "0", (1,), (0,)),
            ([0, 1], 2, "0", (0, 1), (0,)),
            ([0, 1], 2, None, (0, 1), (0, 1)),
            ([0, 1, 2, 3], 2, "0-1", (2, 3), (0, 1)),
            ([0, 1, 2, 3], 1, None, (0,), (1, 2)),
        ):
            with self.subTest(usable=usable, size=size, given=given), patch("measure.options.usable_cores", lambda: usable):
                entry = beside(made.Entry("x", "corecast"), size, given)
                self.assertEqual((entry.cores, entry.load_cores), (broker, load))

    def test_lists_are_read_and_written(self):
        self.assertEqual(parse_cores("0,2,4-7"), [0, 2, 4, 5, 6, 7])
        self.assertEqual(show_cores([0, 2, 4, 5, 6, 7]), "0,2,4-7")
        self.assertEqual(show_cores([1, 0]), "1,0")

    def test_what_is_no_list_is_refused(self):
        for text in ("", "a", "1-", "3-1", "1,1", "-1", "0,,1"):
            with self.subTest(text), self.assertRaises(CoresError):
                parse_cores(text)

    def test_a_cpu_that_may_not_be_used_is_named(self):
        with self.assertRaisesRegex(CoresError, "CPU 7 is not among .* 0-3"):
            check_cores([1, 7], [0, 1, 2, 3])

    def test_the_load_gets_the_odd_cpu_and_one_cpu_is_shared(self):
        self.assertEqual(share_out([0, 1]), ([0], [1]))
        self.assertEqual(share_out([0, 1, 2, 3, 4]), ([0, 1], [2, 3, 4]))
        self.assertEqual(share_out([5]), ([5], [5]))
        self.assertEqual(overlap([0, 1], [1, 2]), [1])


class Costs(unittest.TestCase):
    """CPU seconds of the broker for a million of what the row counts."""

    def report(self, **more):
        return made.report(1_000.0, cpu=7.0) | more

    def test_a_load_that_goes_on_costs_what_loadgen_says(self):
        self.assertEqual(find_load("pair-qos0").cost(self.report()), 7.0)
        self.assertIsNone(find_load("pair-qos0").cost(self.report(broker=None)))

    def test_a_script_costs_what_its_step_took(self):
        steps = [{"name": "storing", "count": 9, "broker_cpu_s": 5.0, "per_s": 2.0}]
        steps += [{"name": "retained messages", "count": 50_000, "broker_cpu_s": 0.02, "per_s": 3.0}]
        load = find_load("retained")
        self.assertAlmostEqual(load.cost(self.report(steps=steps)), 0.4)
        self.assertEqual(load.main_figure(self.report(steps=steps)), 3.0)
        self.assertIsNone(load.cost(self.report(steps=[])), "it did not come that far")

    def test_connections_cost_what_the_whole_run_took(self):
        broker = {"cpu": {"user_s": 0.05, "system_s": 0.15}, "cpu_s_per_million": None}
        connect = {"ready": 10_000, "per_s": 9.0}
        self.assertAlmostEqual(find_load("conn").cost(self.report(broker=broker, connect=connect)), 20.0)


class Order(unittest.TestCase):
    def test_brokers_take_turns_and_another_one_begins_each_round(self):
        a, b = made.entry("corecast"), made.entry("mosquitto")
        loads = made.measured([a, b], [], ["pair-qos0", "fanin-qos0"]).loads
        steps = [(load.name, entry.label[0], number) for load, entry, number in plan(loads, [a, b], 2)]
        first = [("pair-qos0", "c", 1), ("pair-qos0", "m", 1), ("pair-qos0", "m", 2), ("pair-qos0", "c", 2)]
        self.assertEqual(steps[:4], first)
        self.assertEqual([name for name, _, _ in steps[4:]], ["fanin-qos0"] * 4)

    def test_the_toy_broker_is_not_asked_to_keep_messages(self):
        entries = [made.entry("corecast"), made.entry("sink")]
        loads = made.measured(entries, [], ["retained"]).loads
        self.assertEqual([entry.label for _, entry, _ in plan(loads, entries, 1)], ["corecast"])


class Verdicts(unittest.TestCase):
    def cells(self, mine, theirs, **more):
        entries = [made.entry("corecast"), made.entry("mosquitto")]
        runs = made.three("corecast", mine) + made.three("mosquitto", theirs, **more)
        return cells_of(made.measured(entries, runs))

    def test_ahead_behind_and_overlapping(self):
        for mine, theirs, wanted in (
            ([30, 31, 32], [10, 11, 12], "ahead"),
            ([10, 11, 12], [30, 31, 32], "behind"),
            ([10, 11, 31], [30, 31, 32], "even"),
        ):
            self.assertEqual(verdict(self.cells(mine, theirs)["pair-qos0", "corecast"]), wanted)

    def test_one_that_loses_messages_cannot_win(self):
        cells = self.cells([10, 11, 12], [30, 31, 32], lost=5)
        self.assertIsNone(verdict(cells["pair-qos0", "corecast"]), "there is nobody true to compare with")
        self.assertFalse(cells["pair-qos0", "mosquitto"].can_win)
        self.assertEqual(cells["pair-qos0", "mosquitto"].rate.median, 31, "its figure is still shown")

    def test_one_lossy_run_is_enough_and_its_rate_does_not_count(self):
        entries = [made.entry("corecast")]
        runs = made.three("corecast", [10, 12]) + [made.run("pair-qos0", "corecast", 3, 1000, lost=1)]
        cell = cells_of(made.measured(entries, runs))["pair-qos0", "corecast"]
        self.assertFalse(cell.can_win)
        self.assertEqual((cell.rate.median, cell.rate.count), (11, 2))

    def test_the_toy_broker_is_nobodys_rival(self):
        entries = [made.entry("corecast"), made.entry("sink")]
        runs = made.three("corecast", [10, 11, 12]) + made.three("sink", [90, 91, 92])
        self.assertIsNone(cells_of(made.measured(entries, runs))["pair-qos0", "corecast"].rival)


class Recommendations(unittest.TestCase):
    def points(self, *rates, lost=()):
        entries = [made.entry(f"{size}-cores", "corecast", range(size)) for size in range(1, len(rates) + 1)]
        runs = []
        for entry, runs_of in zip(entries, rates):
            runs += made.three(entry.label, runs_of, lost=1 if len(entry.cores) in lost else 0)
        cells = cells_of(made.measured(entries, runs))
        return [Point(len(entry.cores), cells["pair-qos0", entry.label]) for entry in entries]

    def test_the_fewest_that_come_near_the_best(self):
        points = self.points([100, 101, 99], [190, 191, 189], [280, 281, 279], [290, 291, 289])
        advice = advise(points)
        self.assertEqual((advice.cores, advice.is_sure), (3, True))
        self.assertIn("within 5% of the best rate", advice.reason)
        self.assertAlmostEqual(efficiency(points[1], points[0]), 0.95)

    def test_back_while_a_core_brings_less_than_a_quarter(self):
        advice = advise(self.points([100, 101, 99], [180, 181, 179], [200, 201, 199], [220, 221, 219]))
        self.assertEqual((advice.cores, advice.is_sure), (2, True))
        self.assertIn("less than 25%", advice.reason)

    def test_overlapping_runs_tell_nothing(self):
        advice = advise(self.points([100, 130, 90], [110, 140, 95]))
        self.assertEqual((advice.cores, advice.is_sure), (1, False))
        self.assertIn("cannot be told", advice.reason)

    def test_more_cores_that_are_slower(self):
        self.assertEqual(advise(self.points([100, 101, 99], [80, 81, 79])).cores, 1)

    def test_a_number_of_cores_with_losses_does_not_count(self):
        self.assertEqual(advise(self.points([100, 101, 99], [190, 191, 189], [280, 281, 279], lost=(3,))).cores, 2)
        self.assertIsNone(advise(self.points([100, 101, 99], lost=(1,))).cores)

    def test_one_number_of_cores_is_no_sweep(self):
        self.assertFalse(advise(self.points([100, 101, 99])).is_sure)


if __name__ == "__main__":
    unittest.main()
