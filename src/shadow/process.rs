//! Users, signals and life signs of processes. PostgreSQL refuses to run as root, so root steps down for it.

use std::path::Path;
use std::process::{Child, Command};

#[cfg(unix)]
pub use unix::{
    as_server_user, at_exit, clone_file, free_space, give_to_server_user, is_alive,
    make_private_folder, on_signal, signature, stop, stop_orphan,
};

/// The name of this machine, to tell our processes from those of others.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .unwrap_or_default();
    name.trim().replace(' ', "_")
}

#[cfg(unix)]
mod unix {
    use super::{Child, Command, Path};
    use crate::db::pause::Ask;
    use std::ffi::CString;
    use std::os::unix::fs::{DirBuilderExt, chown};
    use std::os::unix::process::CommandExt;
    use std::time::{Duration, Instant};

    /// How long a server may take to stop before it is killed.
    const STOP_PATIENCE: Duration = Duration::from_secs(10);

    /// User and group a server runs as if we are root: `postgres`, else `nobody`.
    fn server_user() -> Option<(u32, u32)> {
        // SAFETY: geteuid has no preconditions.
        if unsafe { libc::geteuid() } != 0 {
            return None;
        }
        Some(look_up("postgres").or_else(|| look_up("nobody")).unwrap_or((65534, 65534)))
    }

    fn look_up(name: &str) -> Option<(u32, u32)> {
        let name = CString::new(name).ok()?;
        let mut buffer = vec![0; 16 * 1024];
        let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
        let mut result = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the length of the call, and `entry` is read only if it was filled.
        unsafe {
            let code = libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr(),
                buffer.len(),
                &mut result,
            );
            if code != 0 || result.is_null() {
                return None;
            }
            let entry = entry.assume_init();
            Some((entry.pw_uid, entry.pw_gid))
        }
    }

    /// Gives a file or folder to the user that the server runs as.
    pub fn give_to_server_user(path: &Path) -> std::io::Result<()> {
        match server_user() {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Makes a folder that nobody else can look into.
    pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Makes a command run as the server's user, without settings meant for other servers, in a group of its own (so
    /// that Ctrl-C reaches us first), and end with the thread that starts it.
    pub fn as_server_user(command: &mut Command, home: &Path) {
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGOPTIONS", "PGUSER", "PGDATABASE"] {
            command.env_remove(name);
        }
        command.env("HOME", home).process_group(0);
        if let Some((user, group)) = server_user() {
            command.uid(user).gid(group);
        }
        #[cfg(target_os = "linux")]
        // SAFETY: prctl is safe between fork and exec. It comes after the change of user, which would clear it.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
                Ok(())
            });
        }
    }

    /// Stops a server: fast shutdown, then by force.
    pub fn stop(server: &mut Child) {
        if let Ok(pid) = i32::try_from(server.id()) {
            // SAFETY: the child has not been waited for, so its number is still its own.
            unsafe { libc::kill(pid, libc::SIGINT) };
        }
        let start = Instant::now();
        while start.elapsed() < STOP_PATIENCE {
            if server.try_wait().map_or(true, |status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = server.kill();
        let _ = server.wait();
    }

    /// What tells a process from a later one with the same number: the number and when it started.
    pub fn signature(pid: u32) -> String {
        format!("{pid} {}", started(pid).unwrap_or_default())
    }

    /// Field 22 of `/proc/PID/stat`; the name in field 2 may hold spaces and parentheses.
    fn started(pid: u32) -> Option<String> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let rest = text.rsplit_once(')')?.1;
        rest.split_whitespace().nth(19).map(str::to_owned)
    }

    /// Whether the process of a signature still runs.
    pub fn is_alive(signature: &str) -> bool {
        let mut words = signature.split_whitespace();
        let Some(pid) = words.next().and_then(|word| word.parse::<i32>().ok()) else { return true };
        // SAFETY: signal 0 only asks.
        let there = unsafe { libc::kill(pid, 0) } == 0
            || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
        let same = match (words.next(), u32::try_from(pid).ok().and_then(started)) {
            (Some(before), Some(now)) => before == now,
            (Some(_), None) | (None, _) => true,
        };
        there && same
    }

    /// Stops a server whose owner is gone, if it still runs on this very folder.
    pub fn stop_orphan(data: &Path) {
        let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return };
        let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
            return;
        };
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let ours = String::from_utf8_lossy(&command).contains(&data.display().to_string());
        if ours && pid > 1 {
            // SAFETY: the command line says that this process serves the orphaned folder.
            unsafe { libc::kill(pid, libc::SIGQUIT) };
        }
    }

    /// Bytes that are free for everybody where a folder is.
    pub fn free_space(folder: &Path) -> Option<u64> {
        let path = CString::new(folder.as_os_str().as_encoded_bytes()).ok()?;
        let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero, and `found` is read only if it was filled.
        let found = unsafe {
            if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
                return None;
            }
            found.assume_init()
        };
        #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
        Some((found.f_bavail as u64).saturating_mul(found.f_frsize as u64))
    }

    /// Makes a file share all blocks of another; an error where the file system cannot.
    #[cfg(target_os = "linux")]
    pub fn clone_file(from: &Path, to: &Path) -> std::io::Result<()> {
        use std::os::fd::AsRawFd;
        // Source: linux/fs.h, `FICLONE`.
        const FICLONE: libc::c_ulong = 0x4004_9409;
        let source = std::fs::File::open(from)?;
        let target = std::fs::OpenOptions::new().write(true).open(to)?;
        // SAFETY: both descriptors are open for the length of the call.
        match unsafe { libc::ioctl(target.as_raw_fd(), FICLONE as _, source.as_raw_fd()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn clone_file(_: &Path, _: &Path) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// Has a function run in a thread of its own on the first SIGINT or SIGTERM; the second ends the process. Another hears of
    /// SIGUSR1 and SIGUSR2. Threads that start later leave these signals to that one. Source: signal(7), "Signal mask and
    /// pending signals"; children get an empty mask from `std::process::Command`.
    pub fn on_signal(told: fn(), asked: fn(Ask)) {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is made by `sigemptyset` before anything reads it.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2] {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            let set = set.assume_init();
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            set
        };
        std::thread::spawn(move || {
            let wait = || {
                let mut signal = 0;
                // SAFETY: both pointers are valid for the length of the call.
                unsafe { libc::sigwait(&set, &mut signal) };
                signal
            };
            let mut is_told = false;
            loop {
                match wait() {
                    libc::SIGUSR1 => asked(Ask::Pause),
                    libc::SIGUSR2 => asked(Ask::GoOn),
                    // SAFETY: ends the process without further ado.
                    _ if is_told => unsafe { libc::_exit(130) },
                    _ => {
                        is_told = true;
                        std::thread::spawn(told);
                    }
                }
            }
        });
    }

    /// Has a function run when the process ends by returning from `main` or by `exit`.
    pub fn at_exit(function: fn()) {
        static REGISTERED: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();
        extern "C" fn call() {
            if let Some(function) = REGISTERED.get() {
                function();
            }
        }
        if REGISTERED.set(function).is_ok() {
            // SAFETY: `call` is a plain function that lives as long as the program. If the table of handlers is
            // full, the sweep of the next start cleans up.
            unsafe { libc::atexit(call) };
        }
    }
}

#[cfg(not(unix))]
pub use elsewhere::{
    as_server_user, at_exit, clone_file, free_space, give_to_server_user, is_alive,
    make_private_folder, on_signal, signature, stop, stop_orphan,
};

/// Windows has no setuid and no death signal; the sweep does not remove folders it cannot judge.
#[cfg(not(unix))]
mod elsewhere {
    use super::{Child, Command, Path};
    use crate::db::pause::Ask;

    pub fn give_to_server_user(_: &Path) -> std::io::Result<()> {
        Ok(())
    }

    pub fn make_private_folder(path: &Path) -> std::io::Result<()> {
        std::fs::create_dir(path)
    }

    pub fn as_server_user(_: &mut Command, _: &Path) {}

    pub fn stop(server: &mut Child) {
        let _ = server.kill();
        let _ = server.wait();
    }

    pub fn signature(pid: u32) -> String {
        pid.to_string()
    }

    pub fn is_alive(_: &str) -> bool {
        true
    }

    pub fn stop_orphan(_: &Path) {}

    pub fn free_space(_: &Path) -> Option<u64> {
        None
    }

    pub fn clone_file(_: &Path, _: &Path) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub fn at_exit(_: fn()) {}

    pub fn on_signal(_: fn(), _: fn(Ask)) {}
}
