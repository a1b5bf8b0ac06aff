//! Periodic work. Every replica does all of it and none leads: each job is such that two doing it at once do it once.

mod chores;
mod figures;

pub use chores::{deliver_mail, sweep, tell_webhook};
pub use figures::{clock_skew, disk_space};

use crate::{observe::metrics::catalogue::GATEWAY_JOB_RUNS, store::StoreResult};
use futures_util::{FutureExt as _, future::BoxFuture};
use rand::RngExt as _;
use std::{fmt, panic::AssertUnwindSafe, time::Duration};
use tokio_util::sync::CancellationToken;

type Work = Box<dyn Fn() -> BoxFuture<'static, StoreResult<()>> + Send + Sync>;

/// Something that is done again and again.
pub struct Job {
    name: &'static str,
    every: Duration,
    work: Work,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}

impl Job {
    pub fn new<F>(name: &'static str, every: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = StoreResult<()>> + Send + 'static,
    {
        Self { name, every, work: Box::new(move || work().boxed()) }
    }

    /// Does the work until `stop`. The first time comes after a part of the interval that differs from replica to
    /// replica. A failure or a panic is logged, and the next time comes all the same.
    pub async fn keep_doing(self, stop: CancellationToken) {
        let first = self.every.mul_f64(rand::rng().random_range(0.0..1.0));
        let mut pause = first;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = self.every;
            let Some(outcome) = stop.run_until_cancelled(self.once()).await else { return };
            metrics::counter!(GATEWAY_JOB_RUNS, "job" => self.name, "outcome" => outcome).increment(1);
        }
    }

    async fn once(&self) -> &'static str {
        match AssertUnwindSafe((self.work)()).catch_unwind().await {
            Ok(Ok(())) => "success",
            Ok(Err(error)) => {
                tracing::warn!(%error, job = self.name, "periodic work failed; it is done again later");
                "failed"
            }
            Err(_) => {
                tracing::error!(job = self.name, "periodic work broke off; it is done again later");
                "panicked"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test(start_paused = true)]
    async fn a_job_goes_on_after_failures_and_panics_and_ends_when_told() {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let job = Job::new("test", Duration::from_secs(60), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => Err(StoreError::NotFound("anything".to_owned())),
                    1 => panic!("broken"),
                    _ => Ok(()),
                }
            }
        });
        let stop = CancellationToken::new();
        let doing = tokio::spawn(job.keep_doing(stop.clone()));
        tokio::time::sleep(Duration::from_secs(60 * 5 + 30)).await;
        let count = runs.load(Ordering::SeqCst);
        assert!((5..=6).contains(&count), "{count}");
        stop.cancel();
        doing.await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(runs.load(Ordering::SeqCst), count, "it went on after the stop");
    }

    #[tokio::test]
    async fn what_hangs_does_not_keep_the_process() {
        let job = Job::new("test", Duration::ZERO, std::future::pending);
        let stop = CancellationToken::new();
        let doing = tokio::spawn(job.keep_doing(stop.clone()));
        tokio::time::sleep(Duration::from_millis(20)).await;
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), doing).await.unwrap().unwrap();
    }
}
