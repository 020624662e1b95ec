//! System calls that are refused.

use std::{collections::BTreeMap, io};

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use crate::Network;

/// What no computation needs, and what reaches into other processes or the system itself.
const REFUSED: [c_long; 45] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    libc::SYS_syslog,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];
/// What asks for a namespace when a process is made.
const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP)
    .cast_unsigned() as u64;
/// The same calls under the numbers of a second interface, which some systems have.
#[cfg(target_arch = "x86_64")]
const SECOND_INTERFACE: i64 = 0x4000_0000;

/// The programs that refuse; each has one answer for all it refuses.
pub(crate) fn filters(network: Network) -> io::Result<Vec<BpfProgram>> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|number| (*number, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for bit in (0..64).map(|bit| 1 << bit).filter(|bit| NAMESPACES & bit != 0) {
        namespaces.push(rule(0, SeccompCmpOp::MaskedEq(bit), bit)?);
    }
    refused.insert(libc::SYS_clone, namespaces);
    refused.insert(libc::SYS_socket, sockets(network)?);
    // Its flags lie in memory, where no filter looks. Every C library goes on with `clone` where it is not there.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok(vec![program(refused, libc::EPERM)?, program(absent, libc::ENOSYS)?])
}

/// The kinds of sockets that are refused.
fn sockets(network: Network) -> io::Result<Vec<SeccompRule>> {
    let domain = |kind: i32| u64::from(kind.cast_unsigned());
    match network {
        Network::Unix => Ok(vec![rule(0, SeccompCmpOp::Ne, domain(libc::AF_UNIX))?]),
        Network::All => [libc::AF_VSOCK, libc::AF_PACKET, libc::AF_ALG]
            .into_iter()
            .map(|kind| rule(0, SeccompCmpOp::Eq, domain(kind)))
            .collect(),
    }
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(io::Error::other)?;
    SeccompRule::new(vec![condition]).map_err(io::Error::other)
}

fn program(mut rules: BTreeMap<i64, Vec<SeccompRule>>, answer: i32) -> io::Result<BpfProgram> {
    #[cfg(target_arch = "x86_64")]
    rules.extend(rules.clone().into_iter().map(|(number, rules)| (number | SECOND_INTERFACE, rules)));
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let refuse = SeccompAction::Errno(answer.cast_unsigned());
    let filter = SeccompFilter::new(std::mem::take(&mut rules), SeccompAction::Allow, refuse, architecture);
    filter.and_then(BpfProgram::try_from).map_err(io::Error::other)
}
