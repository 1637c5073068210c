//! The keys that tokens are checked with: a secret, a public key in PEM, or a set of keys (JWKS).

use ring::hmac;
use ring::signature::{
    EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
};
use serde_json::Value;

use super::base64::{decode, decode_url};
use super::der::{public_key_of, PublicKey};
use super::fault::{shown, FileFault};

/// A secret shorter than its hash can be found by trying [RFC 7518, 3.2].
const SECRET_BYTES_MIN: usize = 32;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// The keys of one file.
pub struct JwtKeys {
    keys: Vec<JwtKey>,
}

/// One key. Its type decides what it may be used for.
pub(super) struct JwtKey {
    identifier: Option<String>,
    /// The only algorithm it is for, if its file says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Secret(Vec<u8>),
    Public(PublicKey),
}

impl Algorithm {
    pub(super) fn of_name(name: &str) -> Option<Algorithm> {
        Some(match name {
            "HS256" => Algorithm::Hs256,
            "HS384" => Algorithm::Hs384,
            "HS512" => Algorithm::Hs512,
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "EdDSA" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    fn hmac(self) -> Option<hmac::Algorithm> {
        Some(match self {
            Algorithm::Hs256 => hmac::HMAC_SHA256,
            Algorithm::Hs384 => hmac::HMAC_SHA384,
            Algorithm::Hs512 => hmac::HMAC_SHA512,
            _ => return None,
        })
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
            _ => return None,
        })
    }

    fn curve(self) -> Option<&'static EcdsaVerificationAlgorithm> {
        Some(match self {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
            _ => return None,
        })
    }
}

impl JwtKeys {
    /// Whether one of them is a secret: whoever has that can make tokens.
    pub fn has_secret(&self) -> bool {
        self.keys.iter().any(|key| matches!(key.material, Material::Secret(_)))
    }

    /// Reads a file: a JWKS object, public keys in PEM, or else the bytes of a secret (without one line end at their end).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<JwtKeys, FileFault> {
        let fault = |text: String| FileFault::new(file, 1, text);
        let keys = match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_start().starts_with('{') => keys_of_set(text).map_err(fault)?,
            Ok(text) if text.contains("-----BEGIN ") => keys_of_pem(text).map_err(fault)?,
            _ => vec![key_of_secret(bytes).map_err(fault)?],
        };
        Ok(JwtKeys { keys })
    }

    /// The keys that may have signed a token. One that names its key is checked with this or with keys without a name.
    pub(super) fn fitting<'a>(
        &'a self,
        algorithm: Algorithm,
        identifier: Option<&'a str>,
    ) -> impl Iterator<Item = &'a JwtKey> {
        self.keys.iter().filter(move |key| {
            let is_named = match (identifier, &key.identifier) {
                (Some(wanted), Some(own)) => wanted == own,
                _ => true,
            };
            is_named && key.algorithm.is_none_or(|own| own == algorithm) && key.takes(algorithm)
        })
    }
}

impl JwtKey {
    fn takes(&self, algorithm: Algorithm) -> bool {
        match &self.material {
            Material::Secret(_) => algorithm.hmac().is_some(),
            Material::Public(PublicKey::Rsa(_) | PublicKey::RsaParts { .. }) => algorithm.rsa().is_some(),
            Material::Public(PublicKey::P256(_)) => algorithm == Algorithm::Es256,
            Material::Public(PublicKey::P384(_)) => algorithm == Algorithm::Es384,
            Material::Public(PublicKey::Ed25519(_)) => algorithm == Algorithm::EdDsa,
        }
    }

    /// Whether it has signed `message`; never for an algorithm it does not take.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let with = |way: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(way, key).verify(message, signature).is_ok()
        };
        match &self.material {
            Material::Secret(secret) => algorithm.hmac().is_some_and(|way| {
                // Compares in constant time.
                hmac::verify(&hmac::Key::new(way, secret), message, signature).is_ok()
            }),
            Material::Public(PublicKey::Rsa(key)) => algorithm.rsa().is_some_and(|way| with(way, key)),
            Material::Public(PublicKey::RsaParts { modulus, exponent }) => algorithm.rsa().is_some_and(|way| {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(way, message, signature).is_ok()
            }),
            Material::Public(PublicKey::P256(key) | PublicKey::P384(key)) => {
                self.takes(algorithm) && algorithm.curve().is_some_and(|way| with(way, key))
            }
            Material::Public(PublicKey::Ed25519(key)) => algorithm == Algorithm::EdDsa && with(&ED25519, key),
        }
    }
}

fn key_of_secret(bytes: &[u8]) -> Result<JwtKey, String> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.len() < SECRET_BYTES_MIN {
        return Err(format!(
            "the secret has {} bytes; give at least {SECRET_BYTES_MIN}, as from openssl rand -hex 32, or a public key in PEM",
            bytes.len()
        ));
    }
    Ok(JwtKey { identifier: None, algorithm: None, material: Material::Secret(bytes.to_vec()) })
}

fn keys_of_pem(text: &str) -> Result<Vec<JwtKey>, String> {
    let mut keys = Vec::new();
    for block in text.split("-----BEGIN ").skip(1) {
        let (label, rest) = block.split_once("-----").ok_or("a PEM block has no end of its first line")?;
        if label != "PUBLIC KEY" {
            let label = shown(label);
            return Err(format!("{label} is no public key; write one with openssl pkey -in KEY -pubout"));
        }
        let end = "-----END PUBLIC KEY-----";
        let (body, _) = rest.split_once(end).ok_or_else(|| format!("the PEM block does not end in {end}"))?;
        let body: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        let der = decode(&body).ok_or("the PEM block is no base64")?;
        let key = public_key_of(&der).ok_or("the key is neither RSA, P-256, P-384 nor Ed25519, or is damaged")?;
        keys.push(JwtKey { identifier: None, algorithm: None, material: Material::Public(key) });
    }
    Ok(keys)
}

/// Keys of other types or for encryption are left out: a set is often shared with other programs.
fn keys_of_set(text: &str) -> Result<Vec<JwtKey>, String> {
    let set: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let rows = set.get("keys").and_then(Value::as_array).ok_or("it has no list \"keys\"; give a JWKS object")?;
    let mut keys = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row.get("use").and_then(Value::as_str).is_some_and(|purpose| purpose != "sig") {
            continue;
        }
        let algorithm = match row.get("alg").and_then(Value::as_str).map(Algorithm::of_name) {
            None => None,
            Some(Some(algorithm)) => Some(algorithm),
            Some(None) => continue,
        };
        let Some(material) = material_of(row).map_err(|text| format!("key {} of the set: {text}", index + 1))? else {
            continue;
        };
        let identifier = row.get("kid").and_then(Value::as_str).map(str::to_owned);
        keys.push(JwtKey { identifier, algorithm, material });
    }
    match keys.is_empty() {
        true => Err("it has no key we can use; RSA, P-256, P-384, Ed25519 and secrets (oct) are known".to_owned()),
        false => Ok(keys),
    }
}

fn material_of(row: &Value) -> Result<Option<Material>, String> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("");
    let bytes = |name: &str| decode_url(text(name)).filter(|bytes| !bytes.is_empty());
    let need = |name: &str| bytes(name).ok_or_else(|| format!("{name:?} is missing or no base64url"));
    let point = |length: usize| -> Result<Vec<u8>, String> {
        let (x, y) = (need("x")?, need("y")?);
        match (x.len(), y.len()) == (length, length) {
            true => Ok([&[4], &x[..], &y[..]].concat()),
            false => Err(format!("\"x\" and \"y\" have to be {length} bytes each")),
        }
    };
    Ok(Some(match (text("kty"), text("crv")) {
        ("oct", _) => key_of_secret(&need("k")?)?.material,
        ("RSA", _) => Material::Public(PublicKey::RsaParts { modulus: need("n")?, exponent: need("e")? }),
        ("EC", "P-256") => Material::Public(PublicKey::P256(point(32)?)),
        ("EC", "P-384") => Material::Public(PublicKey::P384(point(48)?)),
        ("OKP", "Ed25519") => Material::Public(PublicKey::Ed25519(need("x")?)),
        _ => return Ok(None),
    }))
}
