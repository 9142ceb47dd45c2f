//! What a listener listens on: an address, a unix socket, or a socket that systemd has opened.

use std::{
    fmt, fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use listenfd::ListenFd;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    Tcp(SocketAddr),
    /// A socket in the file system, with these permission bits.
    Unix {
        path: PathBuf,
        mode: u32,
    },
    /// The socket with this name (`FileDescriptorName=` of a systemd socket unit).
    Systemd(String),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    /// Returns the address of a TCP socket, and `None` for a unix socket.
    ///
    /// # Errors
    /// When the operating system cannot tell the address.
    pub fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            Self::Unix(_) => Ok(None),
        }
    }
}

/// The sockets that systemd has passed (`sd_listen_fds(3)`); each can be taken once.
pub struct Handed {
    sockets: ListenFd,
    names: Vec<String>,
}

impl Handed {
    /// Takes the sockets from the environment; `names` is the value of `LISTEN_FDNAMES`.
    #[must_use]
    pub fn from_env(names: Option<&str>) -> Self {
        let names = names.unwrap_or_default().split(':').map(str::to_owned).collect();
        Self { sockets: ListenFd::from_env(), names }
    }

    fn take(&mut self, name: &str) -> io::Result<Socket> {
        let missing =
            || io::Error::new(io::ErrorKind::NotFound, "systemd has handed over no socket of this name");
        let at = self.names.iter().position(|n| n == name).ok_or_else(missing)?;
        if let Ok(Some(listener)) = self.sockets.take_tcp_listener(at) {
            return Ok(Socket::Tcp(listener));
        }
        self.sockets.take_unix_listener(at)?.map(Socket::Unix).ok_or_else(missing)
    }
}

/// Opens the listening socket.
///
/// # Errors
/// When the address is taken, or may not be used.
pub fn bind(at: &Bind, handed: &mut Handed) -> io::Result<Socket> {
    match at {
        Bind::Tcp(address) => TcpListener::bind(address).map(Socket::Tcp),
        Bind::Unix { path, mode } => unix(path, *mode).map(Socket::Unix),
        Bind::Systemd(name) => handed.take(name),
    }
}

/// The socket is created under another name and then renamed, so that it never exists at `path`
/// with other permissions.
fn unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file of this name exists and is not a socket",
            ));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there already"));
        }
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let _left_by_a_crash = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_unix_socket_has_its_permissions_takes_the_place_of_a_dead_one_and_of_nothing_else() {
        let dir = std::env::temp_dir().join(format!("countersign-listener-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("rest.sock");
        let at = Bind::Unix { path: path.clone(), mode: 0o660 };
        let mut handed = Handed::from_env(None);
        let Socket::Unix(first) = bind(&at, &mut handed).unwrap() else { panic!("a unix socket") };
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        first.accept().unwrap().0.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        assert_eq!(bind(&at, &mut handed).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(matches!(bind(&at, &mut handed), Ok(Socket::Unix(_))), "the dead one's place is taken");
        let file = dir.join("file");
        fs::write(&file, "").unwrap();
        let at = Bind::Unix { path: file, mode: 0o600 };
        assert_eq!(bind(&at, &mut handed).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_systemd_did_not_hand_over_is_said() {
        let missing = bind(&Bind::Systemd("rest".to_owned()), &mut Handed::from_env(Some("page:phone")));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
