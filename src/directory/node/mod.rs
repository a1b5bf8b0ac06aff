//! Machines: each replica of the gateway is a node, and other machines may register themselves as one.

mod book;
mod figures;
mod gpu;
mod machine;
mod measure;
mod news;

pub use book::{NodeBook, NodeError, OwnNode};
pub use figures::{Cpu, Disk, Figures, Gpu, GpuProcess, NodeKind, NodeRecord, Process, Share, Usage};
pub use machine::Machine;
pub use measure::hostname;
pub use news::NodeEvent;
