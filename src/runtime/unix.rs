//! Unix sockets: who may connect is settled before anybody can, and the file goes when the broker does.

use std::ffi::{CStr, CString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{chown, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use socket2::{Domain, SockAddr, Socket, Type};

use super::error::RuntimeError;
use super::system::{group, user};
use crate::config::Listener;

/// The file of a unix socket; dropped, it is removed, unless another has taken its place.
#[derive(Debug)]
pub(super) struct UnixFile {
    path: String,
    birth: Birth,
}

/// Tells a file from a successor of the same name: its number, which may be given again, and when it was made.
type Birth = (u64, i64, i64);

fn birth(path: &str) -> io::Result<Birth> {
    fs::symlink_metadata(path).map(|facts| (facts.ino(), facts.mtime(), facts.mtime_nsec()))
}

impl UnixFile {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Listens at `path` as the options of `listener` say.
    pub(super) fn listen(path: &str, listener: &Listener, backlog: i32) -> Result<(UnixFile, OwnedFd), RuntimeError> {
        let failed = |what| move |error| RuntimeError::Unix { path: path.to_owned(), what, error };
        let owner = number_of(listener.unix_owner.as_deref(), "user", "unix_owner", user)?;
        let group = number_of(listener.unix_group.as_deref(), "group", "unix_group", group)?;
        remove_stale(path)?;
        let address = SockAddr::unix(path).map_err(failed("listen at"))?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("listen at"))?;
        socket.bind(&address).map_err(failed("listen at"))?;
        let birth = birth(path).map_err(failed("look at"))?;
        let file = UnixFile { path: path.to_owned(), birth };
        // Nobody can connect before it listens.
        if owner.is_some() || group.is_some() {
            chown(path, owner, group).map_err(failed("change the owner of"))?;
        }
        fs::set_permissions(path, Permissions::from_mode(listener.unix_mode.0))
            .map_err(failed("change the permissions of"))?;
        socket.listen(backlog).map_err(failed("listen at"))?;
        Ok((file, socket.into()))
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        if birth(&self.path).is_ok_and(|birth| birth == self.birth) {
            // It would only be in the way of nobody: the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket of a former process is in the way; one that somebody listens at, or another file, is not ours to remove.
fn remove_stale(path: &str) -> Result<(), RuntimeError> {
    let failed = |what, error| RuntimeError::Unix { path: path.to_owned(), what, error };
    match fs::symlink_metadata(path) {
        Ok(facts) if !facts.file_type().is_socket() => {
            let error = io::Error::other("a file that is no socket is there; move it away or give another path");
            return Err(failed("listen at", error));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", error)),
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(RuntimeError::UnixTaken { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| failed("remove", error))
        }
        Err(error) => Err(failed("find out who listens at", error)),
    }
}

/// A number as it is, a name as the system knows it.
fn number_of(
    name: Option<&str>,
    what: &'static str,
    key: &'static str,
    look_up: fn(&CStr) -> io::Result<Option<u32>>,
) -> Result<Option<u32>, RuntimeError> {
    let Some(name) = name else { return Ok(None) };
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    let found = CString::new(name).map_err(io::Error::from).and_then(|name| look_up(&name));
    match found {
        Ok(Some(number)) => Ok(Some(number)),
        Ok(None) => Err(RuntimeError::Unknown { what, name: name.to_owned(), key }),
        Err(error) => Err(RuntimeError::System { what: "look up users and groups", error }),
    }
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::process;

    use super::*;
    use crate::config::Mode;

    fn path(name: &str) -> String {
        let path = temp_dir().join(format!("corecast-{name}-{}.sock", process::id()));
        let _ = fs::remove_file(&path);
        path.to_string_lossy().into_owned()
    }

    fn listen(path: &str) -> Result<(UnixFile, OwnedFd), RuntimeError> {
        UnixFile::listen(path, &Listener { unix_mode: Mode(0o640), ..Listener::default() }, 8)
    }

    #[test]
    fn it_has_its_mode_and_goes_with_its_listener() {
        let path = path("mode");
        let (file, _socket) = listen(&path).expect("a socket");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o640);
        drop(file);
        assert!(fs::metadata(&path).is_err());
    }

    #[test]
    fn one_that_nobody_listens_at_is_replaced_and_no_other() {
        let path = path("stale");
        let (file, socket) = listen(&path).expect("a socket");
        assert!(matches!(listen(&path), Err(RuntimeError::UnixTaken { .. })));
        drop(socket);
        let (successor, _socket) = listen(&path).expect("in the place of a dead one");
        drop(file);
        assert!(fs::metadata(&path).is_ok(), "its place is taken: it is not ours to remove");
        drop(successor);
        fs::write(&path, "text").expect("a file");
        let error = listen(&path).expect_err("no socket").to_string();
        assert!(error.contains("no socket is there"), "{error}");
        fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn an_owner_nobody_knows_is_named() {
        let listener = Listener { unix_owner: Some("nobody at all".to_owned()), ..Listener::default() };
        let error = UnixFile::listen(&path("owner"), &listener, 8).expect_err("unknown").to_string();
        assert!(error.contains("no user \"nobody at all\"") && error.contains("unix_owner"), "{error}");
    }
}
