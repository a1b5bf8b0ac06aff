//! What is known of a machine. The names are those of the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A replica of the gateway.
    Gateway,
    /// A machine that registered itself.
    #[default]
    Agent,
}

/// What a node says of itself besides where it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRecord {
    #[serde(default)]
    pub kind: NodeKind,
    #[serde(default)]
    pub owner_email: Option<String>,
    #[serde(flatten)]
    pub figures: Figures,
}

/// Every field may be absent: a machine tells what it can.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Of the gateway or agent that runs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Seconds since the machine started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    pub cpu: Cpu,
    pub usage: Usage,
    pub disks: Vec<Disk>,
    /// Those that use most, without their arguments, which may hold secrets.
    pub processes: Vec<Process>,
    pub gpus: Vec<Gpu>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Cpu {
    pub cores: u32,
    /// Of all cores together.
    pub percent: f32,
    /// Averages over 1, 5 and 15 minutes.
    pub load: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Usage {
    /// Thousandths of cores.
    pub cpu: Share,
    /// Bytes.
    pub memory: Share,
    /// Bytes, of all disks together.
    pub disk: Share,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Share {
    pub used: u64,
    pub total: u64,
    pub percent: f64,
}

impl Share {
    pub fn new(used: u64, total: u64) -> Self {
        let percent = if total == 0 { 0.0 } else { 100.0 * used as f64 / total as f64 };
        Self { used, total, percent }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Disk {
    pub mount: String,
    pub used: u64,
    pub total: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Process {
    pub pid: u32,
    pub name: String,
    pub cpu_percent: f32,
    /// Bytes.
    pub memory: u64,
}

/// A graphics processor; what its driver does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gpu {
    pub id: String,
    pub intra_node_id: u32,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus_id: Option<String>,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_state: Option<String>,
    /// Watts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_usage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_cap: Option<f64>,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_usage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_utilization: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_version: Option<String>,
    pub process_details: Vec<GpuProcess>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GpuProcess {
    pub pid: u32,
    pub process_name: String,
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_usage: Option<u64>,
}

/// Most entries of each list that another machine may send.
const MOST: usize = 64;
/// Longest text of a field.
const LONGEST: usize = 255;

impl Figures {
    /// Cuts what a machine says of itself to a size that others can be shown.
    pub fn trimmed(mut self) -> Self {
        self.disks.truncate(MOST);
        self.processes.truncate(MOST);
        self.gpus.truncate(MOST);
        self.cpu.load.truncate(3);
        let own = [
            &mut self.hostname,
            &mut self.os,
            &mut self.kernel,
            &mut self.arch,
            &mut self.version,
            &mut self.availability_zone,
            &mut self.region,
        ];
        own.into_iter().flatten().for_each(cut);
        self.disks.iter_mut().for_each(|disk| cut(&mut disk.mount));
        self.processes.iter_mut().for_each(|process| cut(&mut process.name));
        for gpu in &mut self.gpus {
            gpu.process_details.truncate(MOST);
            gpu.process_details.iter_mut().for_each(|process| cut(&mut process.process_name));
            cut(&mut gpu.id);
            cut(&mut gpu.name);
        }
        self
    }
}

fn cut(text: &mut String) {
    text.retain(|letter| !letter.is_control());
    if text.chars().count() > LONGEST {
        *text = text.chars().take(LONGEST).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_does_not_tell_is_absent() {
        let read: Figures = serde_json::from_str(r#"{"hostname":"a","gpus":[{"name":"T4"}]}"#).unwrap();
        let shown = serde_json::to_value(&read).unwrap();
        assert_eq!((&shown["hostname"], &shown["gpus"][0]["name"]), (&"a".into(), &"T4".into()));
        assert!(shown.get("region").is_none() && shown["gpus"][0].get("temperature").is_none());
        assert!(serde_json::from_str::<Figures>(r#"{"hostnam":"a"}"#).is_err());
    }

    #[test]
    fn long_lists_and_texts_are_cut() {
        let process = Process { name: "x\u{1b}".repeat(1_000), ..Process::default() };
        let big = Figures { processes: vec![process; 1_000], ..Figures::default() }.trimmed();
        assert_eq!((big.processes.len(), big.processes[0].name.as_str()), (64, "x".repeat(255).as_str()));
    }

    #[test]
    fn shares_of_nothing_are_nothing() {
        assert_eq!(Share::new(0, 0).percent, 0.0);
        assert_eq!(Share::new(1, 4).percent, 25.0);
    }
}
