//! The authentication service that is asked by HTTP. Whatever goes wrong there, nobody is let in by it.

use std::io::Read;
use std::time::Duration;

use tracing::warn;
use ureq::Agent;

use crate::auth::{question_of, Credentials, Refusal, Verdict};

/// Bytes of the longest answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Who is asked.
pub(super) struct Service {
    agent: Agent,
    url: String,
}

impl Service {
    /// `timeout` is for a whole question, from looking up the name to the last byte of the answer.
    pub(super) fn new(url: &str, timeout: Duration) -> Service {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // The answer is ours to have from where the operator says, not from where that sends us.
            .max_redirects(0)
            .build();
        Service { agent: config.into(), url: url.to_owned() }
    }

    /// Asks about a client.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] if there is no clear answer, [`Refusal::BadCredentials`] if it is 401 or 403, or if the
    /// password is none that can be asked about.
    pub(super) fn ask(&self, credentials: &Credentials) -> Result<Verdict, Refusal> {
        let question = question_of(credentials).ok_or(Refusal::BadCredentials)?;
        let unclear = |what: String| {
            warn!(url = self.url, error = what, "the authentication service gives no answer: nobody is let in by it");
            Refusal::Unavailable
        };
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let mut response = request.send(question.as_bytes()).map_err(|error| unclear(error.to_string()))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err(Refusal::BadCredentials),
            status => return Err(unclear(format!("status {status}"))),
        }
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().take(ANSWER_BYTES_MAX + 1).read_to_end(&mut body);
        read.map_err(|error| unclear(error.to_string()))?;
        if body.len() as u64 > ANSWER_BYTES_MAX {
            return Err(unclear(format!("its answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
        Verdict::parse(&body).ok_or_else(|| unclear("its answer is not {\"allow\": true or false, ...}".to_owned()))
    }
}
