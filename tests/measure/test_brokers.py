"""Which brokers are found, how they are started, what is said of those that are not."""

import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import made
from measure.brokers import KINDS, Absent, BrokerError, find, parse_wish, parse_wishes
from measure.loads import find_load
from measure.process import CONFIGS, Ports, Started, StartError, broker_of, read_environment

FAKES = made.ROOT / "tests/measure/fakes"
PORT = 28_830


class Wishes(unittest.TestCase):
    def test_names_paths_labels_and_addresses(self):
        for text, label, kind, program, image, address in (
            ("corecast", "corecast", "corecast", None, None, None),
            ("mosquitto=/opt/mosquitto", "mosquitto", "mosquitto", Path("/opt/mosquitto"), None, None),
            ("old:corecast=/tmp/corecast", "old", "corecast", Path("/tmp/corecast"), None, None),
            ("emqx=docker:emqx/emqx:5.9", "emqx", "emqx", None, "emqx/emqx:5.9", None),
            ("10.0.0.1:1883", "10.0.0.1:1883", "running", None, None, "10.0.0.1:1883"),
            ("other:localhost:1884", "other", "running", None, None, "localhost:1884"),
        ):
            with self.subTest(text):
                wish = parse_wish(text)
                self.assertEqual((wish.label, wish.kind, wish.program), (label, kind, program))
                self.assertEqual((wish.image, wish.address), (image, address))

    def test_what_is_no_broker_is_refused_with_what_there_is(self):
        with self.assertRaisesRegex(BrokerError, "no broker 'hive'; give corecast, corecast-tls, mosquitto"):
            parse_wish("hive")
        with self.assertRaisesRegex(BrokerError, "label 'a/b'"):
            parse_wish("a/b:corecast")

    def test_one_label_is_one_broker(self):
        with self.assertRaisesRegex(BrokerError, "'corecast' is named twice"):
            parse_wishes(["corecast", "corecast=/tmp/corecast"])
        self.assertEqual(len(parse_wishes(["corecast", "old:corecast"])), 2)


class Finding(unittest.TestCase):
    def test_a_binary_says_its_version_and_has_a_checksum(self):
        entry = find(parse_wish("mosquitto"), {"mosquitto": FAKES / "broker"}, False)
        self.assertRegex(entry.version, r"^4\.5\.6 \(sha256 [0-9a-f]{12}\)$")

    def test_what_is_not_installed_is_named_with_a_remedy(self):
        with patch("shutil.which", return_value=None):
            absent = find(parse_wish("flashmq"), {}, False)
        self.assertEqual(absent, Absent("flashmq", "flashmq is not installed here; give --flashmq PATH"))

    def test_a_path_that_is_no_program_is_not_replaced_by_another(self):
        absent = find(parse_wish("mosquitto=/nowhere/mosquitto"), {}, True)
        self.assertEqual(absent.reason, "/nowhere/mosquitto is not a program")

    def test_every_kind_has_its_configuration(self):
        for kind in KINDS.values():
            for config in filter(None, (kind.config, kind.tls_config)):
                with self.subTest(config):
                    self.assertTrue((CONFIGS / config).is_file())
        used = {config for kind in KINDS.values() for config in (kind.config, kind.tls_config)} - {None}
        self.assertEqual({path.name for path in CONFIGS.iterdir()}, used)

    def test_over_tls_it_is_the_same_program(self):
        wish = parse_wish("flashmq-tls")
        self.assertTrue(wish.speaks_tls and not parse_wish("flashmq").speaks_tls)
        entry = find(wish, {"flashmq": FAKES / "broker"}, False)
        self.assertEqual((entry.label, entry.program), ("flashmq-tls", (FAKES / "broker").resolve()))
        with patch("shutil.which", return_value=None):
            self.assertIn("give --flashmq PATH", find(wish, {}, False).reason)

    def test_only_those_with_tls_are_asked_what_is_about_it(self):
        entries = [replace(parse_wish(name), cores=(0,)) for name in ("corecast", "corecast-tls")]
        self.assertEqual([entry.can_run(find_load("shake-1.3")) for entry in entries], [False, True])
        self.assertEqual([entry.can_run(find_load("return")) for entry in entries], [True, True])


class Starting(unittest.TestCase):
    def entry(self, name):
        return replace(parse_wish(name), program=FAKES / "broker", cores=(0,))

    def test_it_runs_pinned_from_its_template_and_is_gone_afterwards(self):
        with Started(self.entry("mosquitto"), Ports(PORT)) as broker:
            self.assertEqual(os.sched_getaffinity(broker.pid), {0})
            config = (Path(broker.folder.name) / "mosquitto.conf").read_text()
            self.assertIn(f"listener {broker.port} 127.0.0.1", config)
            self.assertEqual(broker.shown, "taskset -c 0 mosquitto -c scripts/brokers/mosquitto.conf")
        self.assertFalse(Path(broker.folder.name).exists())
        self.assertIsNotNone(broker.process.returncode)

    def test_over_tls_it_has_a_certificate_and_a_listener_more(self):
        broker = Started(self.entry("mosquitto-tls"), Ports(PORT))
        config = broker.write_config().read_text()
        listeners = [line for line in config.splitlines() if line.startswith("listener ")]
        self.assertEqual(len(set(listeners)), 2)
        self.assertEqual(listeners[1], f"listener {broker.port} 127.0.0.1")
        for place in (broker.values["certificate"], broker.values["key"]):
            self.assertIn(place, config)
            self.assertIn("BEGIN", Path(place).read_text())
        self.assertEqual(broker.load_words, ["--tls", "--insecure"])
        self.assertIn("scripts/brokers/{mosquitto.conf,mosquitto-tls.conf}", broker.shown)
        broker.stop()

    def test_every_template_can_be_filled_in(self):
        for kind in KINDS.values():
            with self.subTest(kind.name):
                broker = Started(self.entry(kind.name), Ports(PORT))
                config = broker.write_config()
                self.assertTrue(
                    kind.config is None or str(broker.port) in config.read_text() or kind.name == "corecast"
                )
                broker.stop()

    def test_one_that_ends_at_once_is_quoted_without_its_process_id(self):
        with patch.dict(os.environ, {"FAKE_BROKER_FAILS": "1"}):
            with self.assertRaisesRegex(StartError, r"exit code 1; it said: cannot open .*store\.db \(pid -\)"):
                with broker_of(self.entry("mosquitto"), Ports(PORT)):
                    self.fail("it does not run")

    def test_a_port_that_is_taken_is_passed_over(self):
        with Started(self.entry("mosquitto"), Ports(PORT)) as broker:
            self.assertGreater(Ports(broker.port).take(), broker.port)

    def test_environment_files_have_comments_and_values_with_signs(self):
        with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
            file.write("# a comment\n\nA=1\nB=x=y\n")
            file.flush()
            self.assertEqual(read_environment(Path(file.name)), {"A": "1", "B": "x=y"})


class InDocker(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.TemporaryDirectory()
        self.addCleanup(self.state.cleanup)
        path = f"{FAKES}:{os.environ['PATH']}"
        patched = patch.dict(os.environ, {"PATH": path, "FAKE_DOCKER": self.state.name})
        patched.start()
        self.addCleanup(patched.stop)

    def calls(self):
        return (Path(self.state.name) / "calls").read_text().splitlines()

    def test_an_image_is_fetched_once_and_only_if_it_is_not_there(self):
        self.assertEqual(find(parse_wish("mosquitto=docker:here:1"), {}, True).version, "Docker image here:1")
        self.assertEqual(self.calls(), ["image inspect here:1"])
        self.assertEqual(find(parse_wish("mosquitto=docker:there:1"), {}, True).image, "there:1")
        self.assertEqual(self.calls()[-1], "pull --quiet there:1")

    def test_an_image_that_cannot_be_had_is_not_measured(self):
        absent = find(parse_wish("mosquitto=docker:nowhere:1"), {}, True)
        self.assertEqual(absent.reason, "Docker cannot get the image nowhere:1: no such image")

    def test_a_container_is_pinned_and_its_own_process_is_measured(self):
        entry = replace(parse_wish("mosquitto=docker:here:1"), cores=(0,))
        with Started(entry, Ports(PORT)) as broker:
            self.assertEqual(broker.pid, int((Path(self.state.name) / "pid").read_text()))
            ran = next(call for call in self.calls() if call.startswith("run "))
            self.assertIn("--network host --cpuset-cpus 0", ran)
            self.assertIn("--entrypoint mosquitto here:1 -c", ran)
        self.assertTrue(self.calls()[-1].startswith("stop "))


if __name__ == "__main__":
    unittest.main()
