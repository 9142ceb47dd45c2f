//! The way of log lines to standard error. Logging never stops the service.
//!
//! A thread that logs puts a line into a bounded queue and goes on; one thread writes. When the
//! queue is full, because nobody reads the pipe, or when the line cannot be written, because the
//! disk is full, the line is lost and counted. The count is told as soon as a line can be written
//! again.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of lines on their way, and of their bytes.
const LINES: usize = 16_384;
const BYTES: usize = 8 << 20;
/// Pause before writing again to a terminal or pipe that somebody has made non-blocking.
const PAUSE: Duration = Duration::from_millis(20);

/// Number of lines that nobody will read.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process's log are lost.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

enum Item {
    Line(Vec<u8>),
    /// Everything before this is written when the answer comes.
    Flush(SyncSender<()>),
}

/// Takes the lines of the log. Clones share the queue.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Item>,
    waiting: Arc<AtomicUsize>,
}

/// Renders the line that tells of lost ones.
pub(super) type Notice = fn(lost: u64) -> String;

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static, notice: Notice) -> io::Result<Self> {
        let (queue, items) = sync_channel(LINES);
        let waiting = Arc::<AtomicUsize>::default();
        let writer = Writer { out, notice, waiting: waiting.clone(), told: lost(), torn: false };
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&items))?;
        Ok(Self { queue, waiting })
    }

    fn put(&self, line: &[u8]) {
        let before = self.waiting.fetch_add(line.len(), Ordering::Relaxed);
        let fits = before + line.len() <= BYTES;
        if !fits || self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was logged so far is written, but not longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let (done, answer) = sync_channel(1);
        let mut item = Item::Flush(done);
        // Nothing tells when a full queue has room again.
        while let Err(TrySendError::Full(again)) = self.queue.try_send(item) {
            if Instant::now() >= until {
                return;
            }
            item = again;
            thread::sleep(PAUSE);
        }
        let _written_or_not = answer.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

struct Writer<W> {
    out: W,
    notice: Notice,
    waiting: Arc<AtomicUsize>,
    /// The number of lost lines that the log has told of.
    told: u64,
    /// Whether the last line was written in part.
    torn: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self, items: &Receiver<Item>) {
        for item in items {
            match item {
                Item::Line(line) => {
                    let written = self.line(&line);
                    self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                    if written {
                        self.tell_lost();
                    } else {
                        LOST.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Item::Flush(done) => {
                    let _written = self.out.flush();
                    let _nobody_waits = done.try_send(());
                }
            }
        }
    }

    fn tell_lost(&mut self) {
        let lost = lost();
        if lost > self.told && self.line((self.notice)(lost - self.told).as_bytes()) {
            self.told = lost;
        }
    }

    /// Writes a line; returns whether all of it is written.
    fn line(&mut self, line: &[u8]) -> bool {
        if self.torn && self.all(b"\n").is_ok() {
            self.torn = false;
        }
        if self.torn {
            return false;
        }
        match self.all(line) {
            Ok(()) => true,
            Err(written) => {
                self.torn = written > 0;
                false
            }
        }
    }

    /// Writes all bytes, or returns how many were written.
    fn all(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.out.write(&bytes[written..]) {
                Ok(0) => return Err(written),
                Ok(n) => written += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => return Err(written),
            }
        }
        Ok(())
    }
}

/// One event of the log. The formatter writes each in one piece.
pub(super) struct Entry<'a>(&'a Lines);

impl Write for Entry<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    /// Each write waits for a permission: how many bytes it may take, or that it fails.
    struct Stubborn {
        allowed: Receiver<Option<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stubborn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.allowed.recv() {
                Ok(Some(n)) => {
                    let n = n.min(bytes.len());
                    self.taken.lock().expect("not poisoned").extend_from_slice(&bytes[..n]);
                    Ok(n)
                }
                Ok(None) => Err(io::Error::from(io::ErrorKind::StorageFull)),
                Err(_) => Ok(0),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn notice(lost: u64) -> String {
        format!("lost {lost}\n")
    }

    /// One test, because the number of lost lines is the process's.
    #[test]
    fn whoever_logs_never_waits_and_lost_lines_are_told() {
        let (allow, allowed) = mpsc::channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let lines = Lines::start(Stubborn { allowed, taken: taken.clone() }, notice).expect("a thread");
        let text =
            || String::from_utf8(std::mem::take(&mut *taken.lock().expect("not poisoned"))).expect("text");
        // Nobody reads: the queue fills, and the rest is dropped at once.
        for _ in 0..LINES + 100 {
            lines.put(b"line\n");
        }
        let dropped = lost();
        assert!((99..=100).contains(&dropped), "{dropped}: the thread holds one line");
        // The reader is back.
        (0..2 * LINES + 1000).for_each(|_| allow.send(Some(64)).expect("the thread lives"));
        lines.flush(Duration::from_secs(60));
        let told = text();
        assert_eq!(told.matches("line\n").count(), LINES + 100 - usize::try_from(dropped).expect("few"));
        assert!(told.contains(&format!("line\nlost {dropped}\n")), "told once a line got through");
    }

    #[test]
    fn a_line_that_was_torn_ends_before_the_next() {
        let (allow, allowed) = mpsc::channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let mut writer = Writer {
            out: Stubborn { allowed, taken: taken.clone() },
            notice,
            waiting: Arc::default(),
            told: u64::MAX,
            torn: false,
        };
        for permission in [Some(2), None, None, Some(1), Some(9)] {
            allow.send(permission).expect("there is a receiver");
        }
        assert!(!writer.line(b"first\n"), "the disk is full");
        assert!(!writer.line(b"second\n"), "still");
        assert!(writer.line(b"third\n"));
        assert_eq!(*taken.lock().expect("not poisoned"), b"fi\nthird\n");
    }
}
