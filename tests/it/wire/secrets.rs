//! An authority of our own, and files of what it has signed, for brokers and their clients.

use std::fs::{create_dir_all, remove_dir_all, write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use corecast::config::{ClientCertificate, Config, Listener};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, ALL_VERSIONS};

/// A folder with an authority and what it has signed. It is removed with the value.
pub(super) struct Secrets {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Secrets {
    /// Makes an authority and a certificate for `localhost`.
    pub(super) fn new() -> Secrets {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("secrets-{}-{}", std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        create_dir_all(&folder).expect("the folder for tests can be written to");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).expect("a certificate");
        let root = certificate.der().clone();
        let secrets = Secrets { folder, issuer: Issuer::new(params, key), root };
        secrets.put("ca.pem", &certificate.pem());
        secrets.renew();
        secrets
    }

    /// The path of a file of this folder.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file.
    pub(super) fn put(&self, name: &str, text: &str) {
        write(self.folder.join(name), text).expect("the folder can be written to");
    }

    /// Writes a new certificate for the broker, with a new key.
    pub(super) fn renew(&self) {
        let (certificate, key) = self.signed("broker");
        self.put("server.pem", &certificate);
        self.put("server.key", &key);
    }

    fn signed(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }

    /// A listener that speaks TLS on a port of its own.
    pub(super) fn listener(&self) -> Listener {
        let text = format!(
            "[[listener]]\nbind = ['127.0.0.1:0']\ncertificate = '{}'\nkey = '{}'\n",
            self.path("server.pem"),
            self.path("server.key")
        );
        Config::parse(&text).expect("valid").listeners.remove(0)
    }

    /// One that wants client certificates, too.
    pub(super) fn strict_listener(&self) -> Listener {
        let client_ca = Some(self.path("ca.pem"));
        Listener { client_ca, client_certificate: ClientCertificate::Required, ..self.listener() }
    }

    /// How a client speaks TLS that shows no certificate.
    pub(super) fn client(&self) -> Arc<ClientConfig> {
        self.client_of(ALL_VERSIONS, None)
    }

    /// How one does that shows a certificate with this name.
    pub(super) fn named_client(&self, name: &str) -> Arc<ClientConfig> {
        self.client_of(ALL_VERSIONS, Some(name))
    }

    /// How one does in these versions.
    pub(super) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        name: Option<&str>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("known versions")
            .with_root_certificates(roots);
        let mut config = match name.map(|name| self.signed(name)) {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("pem");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("pem");
                builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
            }
        };
        // A client that takes up an earlier session is not shown a certificate.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        // What is left lies in a folder for tests.
        let _ = remove_dir_all(&self.folder);
    }
}
