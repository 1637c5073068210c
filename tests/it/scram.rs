//! The side of the client in SCRAM-SHA-256 [RFC 5802, RFC 7677], written without that of the broker.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ring::digest::{digest, SHA256};
use ring::hmac::{sign, Key, HMAC_SHA256};

/// What a client sends last, and what the server must show it then.
pub(crate) struct Answer {
    pub(crate) message: String,
    pub(crate) signature: String,
}

/// The last message of a client whose first was `first` (`n,,n=NAME,r=NONCE`) and which was answered `challenge`.
pub(crate) fn answer(first: &str, challenge: &str, password: &str) -> Answer {
    let bare_at = first.match_indices(',').nth(1).expect("a header of two fields").0 + 1;
    let (header, bare) = first.split_at(bare_at);
    let field =
        |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name)).expect("the server says it");
    let salt = STANDARD.decode(field("s=")).expect("a salt is base64");
    let salted = salted_password(password, &salt, field("i=").parse().expect("a number of rounds"));
    let without_proof = format!("c={},r={}", STANDARD.encode(header), field("r="));
    let signed = format!("{bare},{challenge},{without_proof}");
    let client_key = mac(&salted, b"Client Key");
    let stored_key = digest(&SHA256, &client_key);
    let signature = mac(stored_key.as_ref(), signed.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(key, mask)| key ^ mask).collect();
    let server_key = mac(&salted, b"Server Key");
    Answer {
        message: format!("{without_proof},p={}", STANDARD.encode(proof)),
        signature: format!("v={}", STANDARD.encode(mac(&server_key, signed.as_bytes()))),
    }
}

/// `Hi` of RFC 5802, as it is written there.
fn salted_password(password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut block = mac(password.as_bytes(), &[salt, &[0, 0, 0, 1]].concat());
    let mut all = block.clone();
    for _ in 1..rounds {
        block = mac(password.as_bytes(), &block);
        all.iter_mut().zip(&block).for_each(|(byte, mask)| *byte ^= mask);
    }
    all
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), message).as_ref().to_vec()
}

#[test]
fn the_client_of_rfc_7677_says_what_is_written_there() {
    let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let Answer { message, signature } = answer("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", challenge, "pencil");
    assert_eq!(
        message,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}
