//! The machine that this process runs on, for an agent that tells a gateway of it.

use super::{Figures, gpu, measure::Measure};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct Machine(Arc<Mutex<Measure>>);

impl Machine {
    /// What can be told now; `url` is where the machine is known by.
    pub async fn figures(&self, url: &str) -> Figures {
        let measure = self.0.clone();
        let measured = tokio::task::spawn_blocking(move || {
            measure.lock().unwrap_or_else(PoisonError::into_inner).figures()
        });
        let (measured, gpus) = tokio::join!(measured, gpu::all(url));
        Figures { gpus, ..measured.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_tells_what_it_has() {
        let figures = Machine::default().figures("http://here:11337").await;
        assert!(figures.version.is_some());
        assert!(figures.cpu.cores > 0 && figures.usage.memory.total > 0, "{figures:?}");
    }
}
