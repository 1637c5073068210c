//! The built program, with its streams read by threads so that it never waits for us nor we for it without a deadline.

use std::fs::write;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::Instant;

use crate::wire::broker::PATIENCE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_corecast");

/// What a program that has ended leaves behind.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: Option<i32>,
    pub(super) output: String,
    pub(super) errors: Vec<String>,
}

/// A program that runs. It is killed with the value.
pub(super) struct Program {
    child: Child,
    output: Receiver<String>,
    errors: Receiver<String>,
    /// Lines of standard error that have been read.
    said: Vec<String>,
}

impl Program {
    /// Runs it.
    pub(super) fn run(words: &[&str]) -> Program {
        let mut command = Command::new(PROGRAM);
        command.args(words);
        Program::spawn(command, None)
    }

    /// Runs it with this as its standard input.
    pub(super) fn run_with_input(words: &[&str], input: &str) -> Program {
        let mut command = Command::new(PROGRAM);
        command.args(words);
        Program::spawn(command, Some(input))
    }

    /// Runs it behind the words of a shell such as `ulimit -n 100 && exec`.
    pub(super) fn run_below(before: &str, words: &[&str]) -> Program {
        let mut command = Command::new("bash");
        command.arg("-c").arg(format!("{before} \"$0\" \"$@\"")).arg(PROGRAM).args(words);
        Program::spawn(command, None)
    }

    fn spawn(mut command: Command, input: Option<&str>) -> Program {
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env_remove("NO_COLOR").spawn().expect("the program can be run");
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // It fits into the pipe; a program that does not want it may have ended already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let mut stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (whole, output) = channel();
        thread::spawn(move || {
            let mut text = String::new();
            let read = stdout.read_to_string(&mut text).map(|_| text).unwrap_or_default();
            // Whoever wanted it may be gone.
            let _ = whole.send(read);
        });
        let (line, errors) = channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|text| line.send(text))
        });
        Program { child, output, errors, said: Vec::new() }
    }

    /// Waits for a line on standard error.
    #[track_caller]
    pub(super) fn says(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("it never says {text:?}, only {:#?}", self.said));
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The line it has said last.
    pub(super) fn said(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }

    /// Waits until it listens; answers where.
    #[track_caller]
    pub(super) fn listens(&mut self) -> SocketAddr {
        let line = self.says("listening");
        let start = line.find("127.0.0.1:").expect("the address is named");
        let address: String = line[start..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        address.parse().expect("an address")
    }

    /// Sends a signal, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill can be run").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn ends(mut self) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        // Its streams end when it does.
        let rest = || self.errors.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let mut errors = self.said.clone();
        while let Ok(line) = rest() {
            errors.push(line);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let output = self.output.recv_timeout(left).unwrap_or_else(|_| panic!("it does not end: {errors:#?}"));
        let status = self.await_exit(deadline).unwrap_or_else(|| panic!("it does not end: {errors:#?}"));
        Outcome { code: status.code(), output, errors }
    }

    fn await_exit(&mut self, deadline: Instant) -> Option<ExitStatus> {
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return Some(status);
            }
            thread::yield_now();
        }
        None
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// Refused: this exit code, and this in the one line it has said.
    #[track_caller]
    pub(super) fn is_refusal(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let [line] = &self.errors[..] else { panic!("one line is wanted, not {self:#?}") };
        for text in texts {
            assert!(line.contains(text), "{text:?} is not in {line:?}");
        }
    }
}

/// A configuration file of this name.
pub(super) fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    write(&path, text).expect("the folder for tests can be written to");
    path
}
