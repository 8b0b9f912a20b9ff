//! A terminal for the program, controlled by the test: it types, reads the screen, and changes the size.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{self, Pts, Pty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcgetattr;

use crate::run::Run;

/// How long anything that is awaited may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// A terminal with a program in it.
pub struct Terminal {
    pty: Pty,
    /// Kept open, so that the modes can be looked at when the program has ended.
    pts: Pts,
    process: Pid,
    output: Receiver<Vec<u8>>,
    unread: Vec<u8>,
    end: Receiver<ExitStatus>,
}

impl Terminal {
    /// Starts a run in a new terminal of this size.
    pub fn new(run: &Run, rows: u16, columns: u16) -> Terminal {
        let (pty, pts) = blocking::open().expect("there are terminals left");
        pty.resize(Size::new(rows, columns))
            .expect("a terminal takes its size");
        let prepared = run.command();
        let mut command = blocking::Command::new(prepared.get_program()).args(prepared.get_args());
        for (name, value) in prepared.get_envs() {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command = command
            .current_dir(prepared.get_current_dir().expect("a run has a folder"))
            .env("TERM", "xterm");
        let mut child = command.spawn_borrowed(&pts).expect("the program starts");
        let process = Pid::from_child(&child);
        let (ended, end) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait().expect("it is ours to wait for")));
        let (shown, output) = mpsc::channel();
        let mut screen = File::from(
            pty.as_fd()
                .try_clone_to_owned()
                .expect("there are files left"),
        );
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if shown.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            pty,
            pts,
            process,
            output,
            unread: Vec::new(),
            end,
        }
    }

    /// Types.
    pub fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.pty
            .write_all(keys.as_ref())
            .expect("the terminal is open");
    }

    /// Waits until this is shown; what was shown before it counts as read, and so does it.
    ///
    /// # Panics
    /// It is not shown in time; with what was.
    #[track_caller]
    pub fn shows(&mut self, text: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let found = self
                .unread
                .windows(text.len())
                .position(|window| window == text.as_bytes());
            if let Some(at) = found {
                self.unread.drain(..at + text.len());
                return;
            }
            match self
                .output
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.unread.extend(bytes),
                Err(_) => panic!(
                    "`{text}` is not shown, but: {:?}",
                    String::from_utf8_lossy(&self.unread)
                ),
            }
        }
    }

    /// Changes the size, as a window does.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.pty
            .resize(Size::new(rows, columns))
            .expect("a terminal takes its size");
    }

    /// Signals the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.process, signal).expect("the program is there");
    }

    /// Waits for the program's end; returns its exit code, or 128 and the signal that ended it.
    ///
    /// # Panics
    /// It does not end in time; with what it showed last.
    #[track_caller]
    pub fn ends(&mut self) -> i32 {
        match self.end.recv_timeout(DEADLINE) {
            Ok(status) => status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            Err(_) => {
                self.unread.extend(self.output.try_iter().flatten());
                panic!(
                    "it does not end, but shows: {:?}",
                    String::from_utf8_lossy(&self.unread)
                )
            }
        }
    }

    /// The terminal's modes, to be compared.
    pub fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.pts).expect("it is a terminal"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Not once it has been reaped: its number may belong to another process by now.
        if let Err(TryRecvError::Empty) = self.end.try_recv() {
            kill_process(self.process, Signal::KILL).ok();
        }
    }
}
