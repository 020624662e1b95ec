//! System calls that are refused.

use std::{collections::BTreeMap, io, sync::OnceLock};

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use crate::Egress;

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
/// Types of internet sockets that are neither streams nor datagrams: raw, reliable datagrams, packets in order, DCCP.
const OTHER_TYPES: [i32; 4] = [3, 4, 5, 6];
/// The same number on every machine.
const FCHMODAT2: c_long = 452;
/// Calls that set a file's mode, and which argument it is.
#[cfg(target_arch = "x86_64")]
const MODES: [(c_long, u8); 4] = [(libc::SYS_chmod, 1), (libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2)];
#[cfg(not(target_arch = "x86_64"))]
const MODES: [(c_long, u8); 3] = [(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2)];
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

/// What a member of a family, which is to be one process by itself, could reach others by: new processes and what becomes of them,
/// sockets, System V's objects, queues, priorities of all of a user's processes.
const MEETING: [c_long; 12] = [
    libc::SYS_socket,
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_tkill,
    libc::SYS_pidfd_send_signal,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_execve,
    libc::SYS_execveat,
];
/// Calls whose first argument names a process, and which others they may be about: nobody, or whoever calls (0).
const ABOUT_PROCESSES: [(c_long, bool); 8] = [
    (libc::SYS_kill, false),
    (libc::SYS_tgkill, false),
    (libc::SYS_rt_sigqueueinfo, false),
    (libc::SYS_rt_tgsigqueueinfo, false),
    (libc::SYS_sched_setaffinity, true),
    (libc::SYS_sched_setscheduler, true),
    (libc::SYS_sched_setparam, true),
    (libc::SYS_sched_setattr, true),
];
/// They have a signal sent to whom one likes when something happens to a file: `F_SETOWN`, `F_SETOWN_EX`; `FIOSETOWN`, `SIOCSPGRP`.
const OWNERS: [(c_long, [u64; 2]); 2] = [(libc::SYS_fcntl, [8, 15]), (libc::SYS_ioctl, [0x8901, 0x8902])];

/// What of the internet is refused beside what always is.
#[derive(Clone, Copy)]
struct Closed {
    /// All of it.
    all: bool,
    /// Datagrams, which go wherever they are sent, without a connection that could be judged.
    datagrams: bool,
}

/// The programs that refuse; each has one answer for all it refuses. `judged`: each connection is judged when it is made.
/// They are made once: that takes longer than starting a process.
pub(crate) fn filters(egress: &Egress, judged: bool) -> io::Result<&'static [BpfProgram]> {
    static MADE: [OnceLock<Vec<BpfProgram>>; 4] = [const { OnceLock::new() }; 4];
    let closed = Closed { all: egress.is_none() && !judged, datagrams: !egress.is_everybody() };
    let made = &MADE[2 * usize::from(closed.all) + usize::from(closed.datagrams)];
    if let Some(filters) = made.get() {
        return Ok(filters);
    }
    let filters = make(closed)?;
    Ok(made.get_or_init(|| filters))
}

fn make(closed: Closed) -> io::Result<Vec<BpfProgram>> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|number| (*number, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for bit in (0..64).map(|bit| 1 << bit).filter(|bit| NAMESPACES & bit != 0) {
        namespaces.push(rule(0, SeccompCmpOp::MaskedEq(bit), bit)?);
    }
    refused.insert(libc::SYS_clone, namespaces);
    refused.insert(libc::SYS_socket, sockets(closed)?);
    refused.insert(libc::SYS_socketpair, datagrams_by_path()?);
    // The limits of others: of ours, that is.
    refused.insert(libc::SYS_prlimit64, vec![rule(0, SeccompCmpOp::Ne, 0)?]);
    // Whoever runs such a file becomes its owner, or of its group.
    for (call, argument) in MODES {
        let bits = [u64::from(libc::S_ISUID), u64::from(libc::S_ISGID)];
        let rules = bits.map(|bit| rule(argument, SeccompCmpOp::MaskedEq(bit), bit)).into_iter();
        refused.insert(call, rules.collect::<io::Result<_>>()?);
    }
    // They connect without `connect`. Where they are refused, every client goes on with it.
    let opens = u64::from(libc::MSG_FASTOPEN.cast_unsigned());
    for (call, argument) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        refused.insert(call, vec![rule(argument, SeccompCmpOp::MaskedEq(opens), opens)?]);
    }
    // Its flags lie in memory, where no filter looks. Every C library goes on with `clone` where it is not there.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok(vec![program(refused, libc::EPERM)?, program(absent, libc::ENOSYS)?])
}

/// What a member of a family refuses itself, by its own number: the program as the system takes it.
pub(crate) fn member(number: i32) -> io::Result<Vec<u8>> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = MEETING.iter().map(|number| (*number, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    refused.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    let threads = u64::from(libc::CLONE_THREAD.cast_unsigned());
    refused.insert(libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(threads), 0)?]);
    for (call, or_nobody) in ABOUT_PROCESSES {
        let mut other = vec![condition(0, SeccompCmpOp::Ne, u64::from(number.cast_unsigned()))?];
        if or_nobody {
            other.push(condition(0, SeccompCmpOp::Ne, 0)?);
        }
        refused.insert(call, vec![SeccompRule::new(other).map_err(io::Error::other)?]);
    }
    for (call, commands) in OWNERS {
        let rules = commands.map(|command| rule(1, SeccompCmpOp::Eq, command)).into_iter();
        refused.insert(call, rules.collect::<io::Result<_>>()?);
    }
    let steps = program(refused, libc::EPERM)?;
    Ok(steps
        .iter()
        .flat_map(|step| {
            let [code, value] = [step.code.to_ne_bytes().to_vec(), step.k.to_ne_bytes().to_vec()];
            [code, vec![step.jt, step.jf], value].concat()
        })
        .collect())
}

/// The kinds of sockets that are refused.
fn sockets(closed: Closed) -> io::Result<Vec<SeccompRule>> {
    let word = |kind: i32| u64::from(kind.cast_unsigned());
    let kind = |argument, operator, value| condition(argument, operator, word(value));
    let (internet, internet6) = (libc::AF_INET, libc::AF_INET6);
    let allowed = [libc::AF_UNIX, internet, internet6, libc::AF_NETLINK];
    let others = allowed.map(|family| kind(0, SeccompCmpOp::Ne, family));
    let mut refused = vec![others.into_iter().collect::<io::Result<Vec<_>>>()?];
    for family in [internet, internet6] {
        let family = || kind(0, SeccompCmpOp::Eq, family);
        // The flags lie above the kind of socket.
        let of_type = |value| condition(1, SeccompCmpOp::MaskedEq(0xf), word(value));
        if closed.all {
            refused.push(vec![family()?]);
        }
        if closed.datagrams {
            refused.push(vec![family()?, of_type(libc::SOCK_DGRAM)?]);
        }
        for other in OTHER_TYPES {
            refused.push(vec![family()?, of_type(other)?]);
        }
        // It connects by sending.
        refused.push(vec![family()?, kind(2, SeccompCmpOp::Eq, libc::IPPROTO_SCTP)?]);
    }
    let refused: io::Result<Vec<_>> =
        refused.into_iter().map(|conditions| SeccompRule::new(conditions).map_err(io::Error::other)).collect();
    Ok([refused?, datagrams_by_path()?].concat())
}

/// Datagrams to sockets with a path, and what means the same: they go wherever they are sent, with descriptors in them.
fn datagrams_by_path() -> io::Result<Vec<SeccompRule>> {
    let datagrams = [libc::SOCK_DGRAM, libc::SOCK_RAW].map(|kind| {
        let family = condition(0, SeccompCmpOp::Eq, u64::from(libc::AF_UNIX.cast_unsigned()))?;
        let kind = condition(1, SeccompCmpOp::MaskedEq(0xf), u64::from(kind.cast_unsigned()))?;
        SeccompRule::new(vec![family, kind]).map_err(io::Error::other)
    });
    datagrams.into_iter().collect()
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    SeccompRule::new(vec![condition(argument, operator, value)?]).map_err(io::Error::other)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(io::Error::other)
}

fn program(mut rules: BTreeMap<i64, Vec<SeccompRule>>, answer: i32) -> io::Result<BpfProgram> {
    #[cfg(target_arch = "x86_64")]
    rules.extend(rules.clone().into_iter().map(|(number, rules)| (number | SECOND_INTERFACE, rules)));
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let refuse = SeccompAction::Errno(answer.cast_unsigned());
    let filter = SeccompFilter::new(std::mem::take(&mut rules), SeccompAction::Allow, refuse, architecture);
    filter.and_then(BpfProgram::try_from).map_err(io::Error::other)
}
