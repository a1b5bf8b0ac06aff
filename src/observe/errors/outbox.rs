//! Stands before the transport that talks to Sentry, and sees to it that nobody ever waits for it.
//!
//! The transport's own queue is bounded and drops what does not fit. But its `flush`, which the panic hook
//! calls on the thread that panicked, waits for a place in that queue, and dropping it waits for the request
//! under way; with an endpoint that accepts and never answers both last for ever. And the queue counts reports, not
//! bytes, so reports are bounded here.

use crate::observe::metrics::catalogue::ERROR_REPORTS;
use sentry::{Envelope, Transport, TransportFactory, TransportOptions, transports::DefaultTransportFactory};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

/// Makes an [`Outbox`] around the default transport.
pub(super) struct OutboxFactory;

impl TransportFactory for OutboxFactory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let inner = DefaultTransportFactory.create_transport_with_options(options);
        Arc::new(Outbox(Mutex::new(Some(inner))))
    }
}

/// Longest report in bytes. The stack of a panic, the last lines of the log and the request need a third of it.
pub(super) const LONGEST: usize = 40 * 1024;

struct Outbox(Mutex<Option<Arc<dyn Transport>>>);

impl Outbox {
    fn inner(&self) -> MutexGuard<'_, Option<Arc<dyn Transport>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Outbox {
    fn send_envelope(&self, envelope: Envelope) {
        if !fits(&envelope) {
            metrics::counter!(ERROR_REPORTS, "outcome" => "too_large").increment(1);
            return;
        }
        if let Some(inner) = self.inner().as_ref() {
            inner.send_envelope(envelope);
        }
    }

    /// Does not wait: what is queued leaves in its own time.
    fn flush(&self, _timeout: Duration) -> bool {
        true
    }

    /// Gives the queue `timeout` to empty, and then leaves it to its fate.
    fn shutdown(&self, timeout: Duration) -> bool {
        let Some(inner) = self.inner().take() else { return true };
        let (report, emptied) = mpsc::channel();
        aside(move || {
            let _ = report.send(inner.shutdown(timeout));
        });
        emptied.recv_timeout(timeout).unwrap_or(false)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        if let Some(inner) = self.inner().take() {
            aside(move || drop(inner));
        }
    }
}

/// Whether it is short enough to wait in memory.
fn fits(envelope: &Envelope) -> bool {
    let mut room = [0; LONGEST];
    envelope.to_writer(room.as_mut_slice()).is_ok()
}

fn aside(work: impl FnOnce() + Send + 'static) {
    let _ = thread::Builder::new().name("error-reports".into()).spawn(work);
}
