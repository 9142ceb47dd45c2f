//! The PhoneLink: a session's bounded output queue to its pump.
//!
//! Session and pump live on the same thread, so the PhoneLink is a plain queue without atomics, and
//! holds no buffer while it is empty. The session never waits: a full queue means that the peer
//! does not read, and the connection ends.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use countersign_protocol::codes::Close;

/// Frames that may wait for the peer: enough for an answer and a burst of events.
const CAPACITY: usize = 16;

/// What the pump has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Out {
    /// Write this outer frame.
    Frame(Vec<u8>),
    /// Close the WebSocket for this reason; nothing comes after it.
    Close(Close),
}

#[derive(Default)]
struct LinkState {
    queue: VecDeque<Vec<u8>>,
    closed: Option<Close>,
    /// Close at once, even in the middle of a write.
    hard: bool,
    /// The pump has ended.
    cut: bool,
    /// The phone has shown a known key or a good code.
    trusted: bool,
    waker: Option<Waker>,
}

/// The session's side of the link.
pub(crate) struct PhoneLink(Rc<RefCell<LinkState>>);

/// The pump's side of the link. Dropping it ends the session.
pub struct LinkReader(Rc<RefCell<LinkState>>);

pub(crate) fn link() -> (PhoneLink, LinkReader) {
    let state = Rc::new(RefCell::new(LinkState::default()));
    (PhoneLink(state.clone()), LinkReader(state))
}

impl PhoneLink {
    /// Queues a frame. Returns false when the peer is too slow or gone; the session must end then.
    #[must_use]
    pub(crate) fn send(&self, frame: Vec<u8>) -> bool {
        let mut s = self.0.borrow_mut();
        if s.cut || s.closed.is_some() || s.queue.len() >= CAPACITY {
            return false;
        }
        s.queue.push_back(frame);
        wake(&mut s);
        true
    }

    /// Closes after the queued frames have been written. The first reason given is kept.
    pub(crate) fn close(&self, why: Close) {
        let mut s = self.0.borrow_mut();
        s.closed.get_or_insert(why);
        wake(&mut s);
    }

    /// Drops the queued frames and closes at once, because the peer does not read.
    pub(crate) fn cut(&self, why: Close) {
        {
            let mut s = self.0.borrow_mut();
            s.queue.clear();
            s.hard = true;
        }
        self.close(why);
    }

    /// Whether the link is closed, so that nothing may be queued any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().closed.is_some()
    }

    /// Informs the pump that the phone has shown a known key or a good code.
    pub(crate) fn trust(&self) {
        self.0.borrow_mut().trusted = true;
    }

    /// Whether the pump has ended.
    pub(crate) fn is_cut(&self) -> bool {
        self.0.borrow().cut
    }
}

impl Drop for PhoneLink {
    fn drop(&mut self) {
        // A session that ends without closing the link (a panic) still closes its socket.
        self.close(Close::Internal);
    }
}

fn wake(s: &mut LinkState) {
    if let Some(waker) = s.waker.take() {
        waker.wake();
    }
}

impl LinkReader {
    /// Whether the phone has shown a known key or a good code. Until then stricter limits apply to
    /// it.
    #[must_use]
    pub fn trusted(&self) -> bool {
        self.0.borrow().trusted
    }

    /// Waits for the pump's next action.
    pub async fn next(&mut self) -> Out {
        poll_fn(|cx| {
            let mut s = self.0.borrow_mut();
            if let Some(frame) = s.queue.pop_front() {
                if s.queue.is_empty() {
                    // An idle session keeps no buffer.
                    s.queue = VecDeque::new();
                }
                return Poll::Ready(Out::Frame(frame));
            }
            if let Some(why) = s.closed {
                return Poll::Ready(Out::Close(why));
            }
            s.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Waits until the session wants the connection closed at once, even while a frame is being
    /// written; returns the reason.
    pub async fn cut(&self) -> Close {
        poll_fn(|cx| {
            let mut s = self.0.borrow_mut();
            match s.closed {
                Some(why) if s.hard => Poll::Ready(why),
                _ => {
                    s.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for LinkReader {
    fn drop(&mut self) {
        let mut s = self.0.borrow_mut();
        s.cut = true;
        s.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn frames_come_out_in_order_and_the_close_comes_last() {
        let (link, mut reader) = link();
        assert!(reader.next().now_or_never().is_none());
        assert!(link.send(vec![1]) && link.send(vec![2]));
        link.close(Close::Done);
        link.close(Close::Protocol);
        assert!(!link.send(vec![3]), "closed");
        for out in [Out::Frame(vec![1]), Out::Frame(vec![2]), Out::Close(Close::Done)] {
            assert_eq!(reader.next().now_or_never(), Some(out));
        }
    }

    #[test]
    fn a_full_link_refuses_and_a_dropped_session_closes() {
        let (link, mut reader) = link();
        let taken = (0..100).take_while(|_| link.send(vec![0])).count();
        assert_eq!(taken, CAPACITY);
        link.cut(Close::TooSlow);
        drop(link);
        assert_eq!(reader.next().now_or_never(), Some(Out::Close(Close::TooSlow)));
    }

    #[test]
    fn a_gone_pump_cuts_the_session() {
        let (link, reader) = link();
        drop(reader);
        assert!(link.is_cut() && !link.send(vec![1]));
    }
}
