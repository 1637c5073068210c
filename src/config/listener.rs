//! The options of one `[[listener]]`, a row each, and what makes sense together.

use std::net::SocketAddr;
use std::time::Duration;

use super::network::Network;
use super::path::{Mode, Paths};
use super::row::{row, Row};
use super::value::{choice, everywhere, quoted, read, Datum, Fault, Range, Setting, Value, Wrong};
use super::ways::AuthWays;

/// What a table of the file is called.
pub(crate) const SECTION: &str = "listener";

/// Ports as people know them.
const TLS_PORT: u16 = 8883;
const CLIENT_CERTIFICATE_PORT: u16 = 8884;

choice! {
    /// Whether clients show certificates.
    ClientCertificate: "\"none\", \"optional\" or \"required\"" {
        /// They are not asked.
        None = "none",
        /// They may; what is shown must be valid.
        Optional = "optional",
        /// They must.
        Required = "required",
    }
}

choice! {
    /// The name in a client's certificate that stands for the client.
    CertificateIdentity: "\"cn\", \"subject\" or \"san\"" {
        /// The common name.
        Cn = "cn",
        /// The whole subject.
        Subject = "subject",
        /// The first alternative name.
        San = "san",
    }
}

choice! {
    /// A version of TLS.
    TlsVersion: "\"1.2\" or \"1.3\"" {
        /// TLS 1.2.
        V12 = "1.2",
        /// TLS 1.3.
        V13 = "1.3",
    }
}

choice! {
    /// The versions of a proxy's header that are taken.
    ProxyProtocol: "\"off\", \"v1\", \"v2\" or \"any\"" {
        /// There is no header.
        Off = "off",
        /// A line of text.
        V1 = "v1",
        /// A binary header.
        V2 = "v2",
        /// Either.
        Any = "any",
    }
}

macro_rules! listener {
    ($(
        $(#[doc = $help:expr])+
        $key:ident: $kind:ty = $default:expr $(, unit $unit:literal)? $(, range $min:literal to $max:expr)?;
    )+) => {
        /// One listener beside the plain one of `listen`.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Listener { $($(#[doc = $help])+ pub $key: $kind,)+ }

        impl Default for Listener {
            fn default() -> Listener {
                Listener { $($key: $default,)+ }
            }
        }

        /// The rows.
        pub(crate) static LISTENER_OPTIONS: &[Row<Listener>] = &[$(row! {
            Listener: SECTION, [$key], $key: $kind, [$($help)+], [$($unit)?],
            [$(Some(Range { min: $min as f64, max: $max as f64 }))?], []
        },)+];
    };
}

listener! {
    /// Addresses to listen on, each with its port; `*:8883` is every address of this host, IPv4 and IPv6. Unset: `*:8883`
    /// with TLS, `*:8884` if client certificates are required; none if `unix` is set.
    bind: Vec<SocketAddr> = Vec::new(), range 1 to 64;
    /// A unix socket to listen on, by its path. A socket of that name nobody listens on is replaced.
    unix: Option<String> = None, range 1 to 107;
    /// Who may connect to the unix socket.
    unix_mode: Mode = Mode(0o660);
    /// The user, by name or number, the unix socket belongs to. Unset: the one the broker runs as.
    unix_owner: Option<String> = None, range 1 to 255;
    /// The group, by name or number, the unix socket belongs to. Unset: the one the broker runs as.
    unix_group: Option<String> = None, range 1 to 255;
    /// The server's certificate followed by those between it and its authority (PEM): with it the listener speaks TLS. With
    /// several files clients get the one that is for the name they ask for (SNI), or else the first.
    certificate: Paths = Paths::default(), range 1 to 64;
    /// The key of each certificate (PEM, without a passphrase), in the same order.
    key: Paths = Paths::default(), range 1 to 64;
    /// The authorities whose client certificates are accepted (PEM).
    client_ca: Option<String> = None, range 1 to 4096;
    /// Whether clients show certificates of an authority in `client_ca`.
    client_certificate: ClientCertificate = ClientCertificate::None;
    /// Revocation lists (PEM): a client certificate in one of them is refused, and one that no list in force is about.
    crl: Option<String> = None, range 1 to 4096;
    /// Which name in a client's certificate is its user name: the common name, the whole subject (RFC 2253), or the first
    /// alternative name that is a name of DNS, an e-mail address or a URI. Unset: none.
    identity: Option<CertificateIdentity> = None;
    /// The oldest version of TLS that is spoken.
    minimum_version: TlsVersion = TlsVersion::V12;
    /// Whether clients without credentials are let in here. Unset: as `[auth]` says, and if that says nothing and this listener has
    /// a `password_file`, they are not.
    allow_anonymous: Option<bool> = None;
    /// Which of the ways that `[auth]` offers are offered here; a client that takes another is answered as if there were none.
    /// `[]`: no way, which leaves certificates (`identity`) and anonymous clients. Unset: all of them.
    auth: Option<AuthWays> = None;
    /// Users and passwords of this listener, in the place of those of `[auth]`. A session belongs to the user of its file: one
    /// of the same name in another file is somebody else.
    password_file: Option<String> = None, range 1 to 4096;
    /// What the clients of this listener may publish and subscribe to, in the place of the file of `[auth]`.
    acl_file: Option<String> = None, range 1 to 4096;
    /// Which header a proxy in front sends to say where the client is (PROXY protocol). Whoever does not send one is refused.
    proxy_protocol: ProxyProtocol = ProxyProtocol::Off;
    /// The proxies that are believed; all others are refused. A proxy at the unix socket always is.
    proxy_trusted: Vec<Network> = loopback(), range 1 to 256;
    /// How long a proxy's header and the TLS handshake may take together.
    handshake_timeout: Duration = Duration::from_secs(10), unit "seconds", range 0.001 to 3600;
    /// TLS handshakes under way at a time in one shard; more wait for their turn.
    handshakes_max: usize = 256, unit "handshakes", range 1 to 65_536;
    /// Connections that have come to this listener, beside what `limits.connections_max` says of all. One more is answered the
    /// same way; where answering would take a handshake it is closed.
    connections_max: Option<usize> = None, unit "connections", range 1 to 10_000_000;
    /// In place of `limits.connections_per_address_per_s`, and counted apart from other listeners.
    connections_per_address_per_s: Option<u32> = None, unit "connections", range 0 to 1_000_000;
    /// In place of `limits.connect_timeout`.
    connect_timeout: Option<Duration> = None, unit "seconds", range 0.001 to 3600;
    /// In place of `limits.packet_bytes_max`.
    packet_bytes_max: Option<u32> = None, unit "bytes", range 128 to 268_435_460;
    /// In place of `limits.messages_per_s`.
    messages_per_s: Option<u64> = None, unit "messages", range 0 to 1_000_000_000;
    /// In place of `limits.bytes_per_s`.
    bytes_per_s: Option<u64> = None, unit "bytes", range 0 to 1_000_000_000_000_u64;
    /// In place of `limits.inflight_messages_max`.
    inflight_messages_max: Option<u16> = None, unit "messages", range 1 to 65_535;
    /// In place of `limits.queue_messages_max`, for sessions whose client came here the last time.
    queue_messages_max: Option<usize> = None, unit "messages", range 1 to 100_000_000;
    /// In place of `limits.subscriptions_max`.
    subscriptions_max: Option<usize> = None, unit "subscriptions", range 1 to 10_000_000;
}

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1/128"].into_iter().filter_map(Network::parse).collect()
}

impl Listener {
    /// Whether it speaks TLS.
    pub fn speaks_tls(&self) -> bool {
        !self.certificate.is_empty()
    }

    /// Takes the addresses that are meant when none is given.
    pub(crate) fn complete(&mut self) {
        if !self.bind.is_empty() || self.unix.is_some() || !self.speaks_tls() {
            return;
        }
        let is_required = self.client_certificate == ClientCertificate::Required;
        self.bind = everywhere(if is_required { CLIENT_CERTIFICATE_PORT } else { TLS_PORT }).to_vec();
    }

    /// What does not make sense together, if anything: the key to look at, and a sentence. `given` are the keys that were
    /// written.
    pub(crate) fn contradiction(&self, given: &[&str]) -> Option<(&'static str, String)> {
        const NEEDS: [(&str, &str); 11] = [
            ("key", "certificate"),
            ("certificate", "key"),
            ("client_ca", "certificate"),
            ("client_certificate", "certificate"),
            ("minimum_version", "certificate"),
            ("crl", "client_ca"),
            ("identity", "client_ca"),
            ("proxy_trusted", "proxy_protocol"),
            ("unix_mode", "unix"),
            ("unix_owner", "unix"),
            ("unix_group", "unix"),
        ];
        for (key, needed) in NEEDS {
            if given.contains(&key) && !given.contains(&needed) {
                return Some((key, format!("it says nothing without {needed}; add {needed} or remove {key}")));
            }
        }
        let (certificates, keys) = (self.certificate.as_slice().len(), self.key.as_slice().len());
        if certificates != keys {
            return Some((
                "key",
                format!("{keys} files for {certificates} certificates; give one key for each, in order"),
            ));
        }
        let asks = self.client_certificate != ClientCertificate::None;
        if asks && self.client_ca.is_none() {
            let what = "it needs client_ca, the authorities whose certificates are accepted; add it".to_owned();
            return Some(("client_certificate", what));
        }
        if !asks && self.client_ca.is_some() {
            let what = "it says nothing while client_certificate is \"none\"; make that \"optional\" or \"required\"";
            return Some(("client_ca", what.to_owned()));
        }
        if self.bind.is_empty() && self.unix.is_none() {
            return Some((
                "bind",
                "there is nothing to listen on; give bind or unix, or certificate and key".to_owned(),
            ));
        }
        None
    }
}
