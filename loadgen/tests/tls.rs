//! loadgen over TLS against the broker itself: every message accounted for, and refusals told in one line.

use std::fs::{create_dir_all, remove_dir_all, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use corecast::config::{Config, QueueFull};
use corecast::limits::{Limits, TURN_UNITS_MAX};
use corecast::runtime::{start, Running, Settings};
use corecast::shard::{Seeds, Shard, ShardId, ShardOptions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value;

/// A broker with three listeners: plain, TLS, and TLS with client certificates required.
struct Scene {
    folder: PathBuf,
    running: Option<Running>,
}

impl Scene {
    fn new(name: &str) -> Scene {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        create_dir_all(&folder).expect("the folder for tests can be written to");
        let mut scene = Scene { folder, running: None };
        let issuer = scene.authority("ca.pem");
        scene.authority("other-ca.pem");
        scene.pair("server", &issuer);
        scene.pair("client", &issuer);
        let [certificate, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|file| scene.path(file));
        let listener = format!("[[listener]]\nbind = ['127.0.0.1:0']\ncertificate = '{certificate}'\nkey = '{key}'\n");
        let text = format!("{listener}{listener}client_ca = '{ca}'\nclient_certificate = 'required'\n");
        let settings = Settings {
            binds: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            listeners: Config::parse(&text).expect("valid").listeners,
            shards: 1,
            drain_timeout: Duration::from_secs(20),
            ..Settings::default()
        };
        let make_shard = |id: ShardId, shards: u8| {
            Shard::new(ShardOptions {
                id,
                shards,
                limits: Limits::default(),
                listener_limits: Vec::new(),
                queue_full: QueueFull::DropNewest,
                server_reference: None,
                response_information: None,
                assigned_client_id_prefix: "auto-".into(),
                turn_units_max: TURN_UNITS_MAX,
                seeds: Seeds { home: (1, 2), topics: 3, own: (4, u64::from(id.0)) },
            })
        };
        scene.running = Some(start(settings, make_shard).expect("the broker starts"));
        scene
    }

    fn path(&self, file: &str) -> String {
        self.folder.join(file).to_string_lossy().into_owned()
    }

    fn authority(&self, file: &str) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, file);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        write(self.path(file), params.self_signed(&key).expect("a certificate").pem()).expect("written");
        Issuer::new(params, key)
    }

    fn pair(&self, name: &str, issuer: &Issuer<'static, KeyPair>) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        write(self.path(&format!("{name}.pem")), params.signed_by(&key, issuer).expect("a certificate").pem())
            .expect("written");
        write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("written");
    }

    /// Loads a listener; `@` in the words stands for the folder.
    fn load(&self, listener: usize, words: &str) -> Output {
        let port = self.running.as_ref().expect("it runs").addresses()[listener].port();
        let folder = format!("{}/", self.folder.display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(words.split_whitespace().map(|word| word.replace('@', &folder)));
        command.args(["--broker", &format!("127.0.0.1:{port}"), "--json", "--threads", "2"]);
        command.output().expect("it runs")
    }

    #[track_caller]
    fn check_clean(&self, listener: usize, words: &str) -> Value {
        let output = self.load(listener, words);
        let report = report(&output);
        assert_eq!(output.status.code(), Some(0), "{words}: {report:#}");
        assert_eq!((&report["ok"], &report["load"]["tls"]), (&Value::Bool(true), &Value::Bool(true)), "{words}");
        report
    }

    #[track_caller]
    fn check_refused(&self, listener: usize, words: &str, reason: &str) {
        let output = self.load(listener, words);
        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{words}: {report:#}");
        let faults = report["connect"]["faults"].as_object().expect("an object");
        let told: Vec<_> = faults.iter().map(|(fault, count)| (fault.as_str(), count.as_u64())).collect();
        let [(fault, Some(5))] = told[..] else { panic!("{words}: {told:?}") };
        assert!(fault.starts_with("TLS: ") && fault.contains(reason), "{words}: {fault}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let stopped = self.running.take().map(Running::stop);
        // What is left lies in a folder for tests.
        let _ = remove_dir_all(&self.folder);
        if !std::thread::panicking() {
            stopped.expect("it was started").expect("no shard has failed");
        }
    }
}

#[track_caller]
fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_message_of_pairs_over_tls_is_accounted_for() {
    let scene = Scene::new("pairs");
    for words in ["--qos 1 --payload 1024", "--qos 2", "--payload 100000 --window 4"] {
        let report = scene.check_clean(
            1,
            &format!("p2p --clients 5 {words} --duration 0.5 --warmup 0.1 --tls --ca @ca.pem --server-name localhost"),
        );
        let traffic = &report["traffic"];
        assert_eq!((&traffic["delivered"], &report["truth"]["lost"]), (&traffic["expected"], &Value::from(0)));
        assert!(traffic["sent"].as_u64().expect("a number") > 100, "{words}: {report:#}");
    }
}

#[test]
fn connections_shake_hands_with_and_without_a_certificate_and_come_back() {
    let scene = Scene::new("connections");
    let believing = "--tls --insecure";
    let report = scene.check_clean(1, &format!("conn --clients 100 --duration 0.1 {believing}"));
    assert_eq!(report["connect"]["ready"], 100);
    let named = "--tls --ca @ca.pem --server-name localhost --cert @client.pem --key @client.key";
    scene.check_clean(2, &format!("conn --clients 20 --duration 0.1 {named}"));
    scene.check_clean(1, &format!("reconnect-storm --clients 20 --topics 2 {believing}"));
    let counted = scene.running.as_ref().expect("it runs").report().runtime;
    assert_eq!((counted.handshakes_total, counted.handshakes_refused_total), (100 + 20 + 3 * 20, 0));
}

#[test]
fn refusals_name_what_mends_them() {
    let scene = Scene::new("refusals");
    for (listener, words, reason) in [
        (1, "--tls --ca @other-ca.pem --server-name localhost", "of no authority in --ca"),
        (1, "--tls --ca @ca.pem", "for another name; say with --server-name"),
        (2, "--tls --ca @ca.pem --server-name localhost", "give --cert and --key"),
        (0, "--tls --insecure", "does it speak TLS at this port?"),
    ] {
        scene.check_refused(listener, &format!("conn --clients 5 --duration 0.1 {words}"), reason);
    }
    for (words, text) in [
        ("--ca @none.pem", "none.pem: cannot be read"),
        ("--ca @server.key", "server.key: holds no certificate"),
        ("--insecure --cert @client.pem --key @ca.pem", "ca.pem: holds no private key"),
        ("--insecure --cert @client.pem --key @server.key", "server.key: not the key of --cert"),
    ] {
        let output = scene.load(1, &format!("conn --clients 5 --tls {words}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 1), "{words}: {errors}");
        assert!(errors.contains(text), "{words}: {errors}");
    }
}
