//! What a pod is given, in Kubernetes's quantities.
//!
//! Source: the grammar of `resource.Quantity` in Kubernetes's API reference, without exponents.

/// Why an amount can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourcesError {
    /// The processors are no such amount.
    #[error("{0:?} is no number of processors: 2, 0.5 or 500m")]
    Cpu(String),
    /// The memory is no such amount, or less than a kernel needs.
    #[error("{0:?} is no amount of memory of at least 256Mi: 4Gi, 512Mi or 2G")]
    Memory(String),
}

/// Processors and memory of a pod: what it asks for, and at the same time what it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    cpu: String,
    memory: String,
    memory_bytes: u64,
}

/// Less does not start Python with what a notebook imports.
const LEAST_MEMORY: u64 = 256 << 20;

impl Resources {
    /// From two quantities, such as `500m` and `4Gi`.
    pub fn new(cpu: &str, memory: &str) -> Result<Self, ResourcesError> {
        let millis = match cpu.strip_suffix('m') {
            Some(millis) => millis.parse::<u32>().ok().map(f64::from),
            None => decimal(cpu).map(|processors| processors * 1000.0),
        };
        if !millis.is_some_and(|millis| millis >= 1.0) {
            return Err(ResourcesError::Cpu(cpu.to_owned()));
        }
        let memory_bytes = bytes(memory).filter(|bytes| *bytes >= LEAST_MEMORY);
        let memory_bytes = memory_bytes.ok_or_else(|| ResourcesError::Memory(memory.to_owned()))?;
        Ok(Self { cpu: cpu.to_owned(), memory: memory.to_owned(), memory_bytes })
    }

    /// What stands in for amounts that were refused.
    pub(super) fn smallest() -> Self {
        Self { cpu: "1".to_owned(), memory: "256Mi".to_owned(), memory_bytes: LEAST_MEMORY }
    }

    /// Processors, as a quantity.
    pub fn cpu(&self) -> &str {
        &self.cpu
    }

    /// Memory, as a quantity.
    pub fn memory(&self) -> &str {
        &self.memory
    }

    /// What a kernel may use of the memory, in MiB: the worker process beside it needs the rest. So the worker stops a
    /// notebook that wants too much, and names its cell, before the node kills the pod.
    pub fn kernel_megabytes(&self) -> u64 {
        (self.memory_bytes - (self.memory_bytes / 8).max(96 << 20)) >> 20
    }
}

/// Whether a text is an amount of bytes that is not less than another.
pub(super) fn is_at_least(text: &str, least: &str) -> bool {
    bytes(text).zip(bytes(least)).is_some_and(|(bytes, least)| bytes >= least)
}

fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

fn bytes(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    // A fraction of a byte is nobody's.
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    whole.checked_add(fraction.parse::<u64>().ok()?.checked_mul(factor)? / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("1073741824", 1 << 30),
            ("4Gi", 4 << 30),
            ("512Mi", 512 << 20),
            ("1.5Gi", 3 << 29),
            ("2G", 2_000_000_000),
            ("0.25k", 250),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "Gi", "4GB", "-1Gi", "1e3", "99999999999Ti", "1.2.3Gi"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_that_no_pod_can_have_are_refused() {
        for cpu in ["2", "0.5", "500m"] {
            assert!(Resources::new(cpu, "4Gi").is_ok(), "{cpu}");
        }
        for cpu in ["", "0", "two", "-1", "0m", "1e3", "NaN"] {
            assert_eq!(Resources::new(cpu, "4Gi"), Err(ResourcesError::Cpu(cpu.to_owned())));
        }
        for memory in ["", "64Mi", "4GB"] {
            assert_eq!(Resources::new("1", memory), Err(ResourcesError::Memory(memory.to_owned())));
        }
    }

    #[test]
    fn a_kernel_gets_less_than_its_pod() {
        let kernel = |memory| Resources::new("1", memory).map(|resources| resources.kernel_megabytes());
        assert_eq!(kernel("4Gi"), Ok(3584));
        assert_eq!(kernel("512Mi"), Ok(416));
    }
}
