// SPDX-License-Identifier: BSD-2-Clause
#include "control/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>

namespace mxgate {
namespace {

[[noreturn]] void fail(const std::string& what, int error)
{
    throw std::runtime_error(what + ": " + std::strerror(error));
}

void check(int result, const std::string& what)
{
    if (result != 0)
        fail(what, errno);
}

// Where memory runs out, this is what can be done again.
void go_first()
{
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    [[maybe_unused]] const ssize_t ignored = ::write(fd, "800", 3);
    ::close(fd);
}

void become_nobody()
{
    const passwd* user = ::getpwnam(kWorkerUser);
    if (user == nullptr)
        user = ::getpwnam("nobody");
    if (user == nullptr || user->pw_uid == 0)
        throw std::runtime_error(std::string("there is neither a user ") + kWorkerUser +
                                 " nor nobody");
    const std::string what =
        std::string("cannot become ") + user->pw_name + " (needs CAP_SETUID and CAP_SETGID)";
    check(::setgroups(0, nullptr), what);
    check(::setresgid(user->pw_gid, user->pw_gid, user->pw_gid), what);
    check(::setresuid(user->pw_uid, user->pw_uid, user->pw_uid), what);
}

void drop_capabilities()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    check(static_cast<int>(::syscall(SYS_capset, &header, none)), "capset");
    check(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient capabilities");
}

// Memory, time, descriptors that are open already, and the end.
constexpr int kAlways[] = {SCMP_SYS(read),
                           SCMP_SYS(readv),
                           SCMP_SYS(pread64),
                           SCMP_SYS(write),
                           SCMP_SYS(writev),
                           SCMP_SYS(pwrite64),
                           SCMP_SYS(close),
                           SCMP_SYS(fstat),
                           SCMP_SYS(lseek),
                           SCMP_SYS(munmap),
                           SCMP_SYS(mremap),
                           SCMP_SYS(brk),
                           SCMP_SYS(madvise),
                           SCMP_SYS(futex),
                           SCMP_SYS(poll),
                           SCMP_SYS(ppoll),
                           SCMP_SYS(recvmsg),
                           SCMP_SYS(sendmsg),
                           SCMP_SYS(recvfrom),
                           SCMP_SYS(sendto),
                           SCMP_SYS(memfd_create),
                           SCMP_SYS(ftruncate),
                           SCMP_SYS(fcntl),
                           SCMP_SYS(dup),
                           SCMP_SYS(getdents64),
                           SCMP_SYS(clock_gettime),
                           SCMP_SYS(clock_getres),
                           SCMP_SYS(gettimeofday),
                           SCMP_SYS(time),
                           SCMP_SYS(nanosleep),
                           SCMP_SYS(clock_nanosleep),
                           SCMP_SYS(getrandom),
                           SCMP_SYS(rt_sigaction),
                           SCMP_SYS(rt_sigprocmask),
                           SCMP_SYS(rt_sigreturn),
                           SCMP_SYS(sigaltstack),
                           SCMP_SYS(restart_syscall),
                           SCMP_SYS(exit),
                           SCMP_SYS(exit_group),
                           SCMP_SYS(getpid),
                           SCMP_SYS(gettid),
                           SCMP_SYS(tgkill),
                           SCMP_SYS(sched_yield),
                           SCMP_SYS(sched_getaffinity),
                           SCMP_SYS(getrusage),
                           SCMP_SYS(uname),
                           SCMP_SYS(sysinfo),
                           SCMP_SYS(fadvise64)};

// What libraries try by the way, and can do without.
constexpr int kRefused[] = {SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(stat),
                            SCMP_SYS(lstat),      SCMP_SYS(access),   SCMP_SYS(faccessat),
                            SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
                            SCMP_SYS(ioctl)};

constexpr int kNetwork[] = {SCMP_SYS(connect),     SCMP_SYS(bind),
                            SCMP_SYS(getsockname), SCMP_SYS(getpeername),
                            SCMP_SYS(getsockopt),  SCMP_SYS(setsockopt),
                            SCMP_SYS(shutdown),    SCMP_SYS(sendmmsg),
                            SCMP_SYS(recvmmsg),    SCMP_SYS(socketpair),
                            SCMP_SYS(pipe),        SCMP_SYS(pipe2),
                            SCMP_SYS(eventfd2),    SCMP_SYS(epoll_create1),
                            SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait),
                            SCMP_SYS(epoll_pwait), SCMP_SYS(select),
                            SCMP_SYS(pselect6),    SCMP_SYS(ioctl),
                            SCMP_SYS(stat),        SCMP_SYS(lstat),
                            SCMP_SYS(newfstatat),  SCMP_SYS(statx),
                            SCMP_SYS(statfs),      SCMP_SYS(fstatfs),
                            SCMP_SYS(access),      SCMP_SYS(faccessat),
                            SCMP_SYS(faccessat2),  SCMP_SYS(readlink),
                            SCMP_SYS(readlinkat),  SCMP_SYS(getcwd),
                            SCMP_SYS(getuid),      SCMP_SYS(geteuid),
                            SCMP_SYS(getgid),      SCMP_SYS(getegid),
                            SCMP_SYS(getppid),     SCMP_SYS(set_tid_address),
                            SCMP_SYS(mmap),        SCMP_SYS(mprotect),
                            SCMP_SYS(membarrier),  SCMP_SYS(rt_sigtimedwait)};

// What changes the system, or looks into others; for programs, which are the operator's own.
constexpr int kPrivileged[] = {SCMP_SYS(bpf),
                               SCMP_SYS(perf_event_open),
                               SCMP_SYS(ptrace),
                               SCMP_SYS(process_vm_readv),
                               SCMP_SYS(process_vm_writev),
                               SCMP_SYS(mount),
                               SCMP_SYS(umount2),
                               SCMP_SYS(pivot_root),
                               SCMP_SYS(chroot),
                               SCMP_SYS(open_tree),
                               SCMP_SYS(move_mount),
                               SCMP_SYS(fsopen),
                               SCMP_SYS(fsmount),
                               SCMP_SYS(unshare),
                               SCMP_SYS(setns),
                               SCMP_SYS(init_module),
                               SCMP_SYS(finit_module),
                               SCMP_SYS(delete_module),
                               SCMP_SYS(kexec_load),
                               SCMP_SYS(kexec_file_load),
                               SCMP_SYS(reboot),
                               SCMP_SYS(swapon),
                               SCMP_SYS(swapoff),
                               SCMP_SYS(sethostname),
                               SCMP_SYS(setdomainname),
                               SCMP_SYS(settimeofday),
                               SCMP_SYS(clock_settime),
                               SCMP_SYS(adjtimex),
                               SCMP_SYS(clock_adjtime),
                               SCMP_SYS(acct),
                               SCMP_SYS(quotactl),
                               SCMP_SYS(add_key),
                               SCMP_SYS(request_key),
                               SCMP_SYS(keyctl),
                               SCMP_SYS(userfaultfd),
                               SCMP_SYS(io_uring_setup),
                               SCMP_SYS(io_uring_enter),
                               SCMP_SYS(io_uring_register),
                               SCMP_SYS(iopl),
                               SCMP_SYS(ioperm),
                               SCMP_SYS(mknod),
                               SCMP_SYS(mknodat),
                               SCMP_SYS(open_by_handle_at),
                               SCMP_SYS(syslog),
                               SCMP_SYS(kcmp)};

class Filter
{
public:
    explicit Filter(uint32_t otherwise) : context_(seccomp_init(otherwise), seccomp_release)
    {
        if (!context_)
            fail("seccomp", ENOMEM);
    }

    void add(uint32_t action, std::span<const int> calls)
    {
        for (const int call : calls)
            add(action, call, {});
    }
    void add(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> where)
    {
        const int result = seccomp_rule_add_array(
            context_.get(), action, call, static_cast<unsigned>(where.size()), std::data(where));
        // This machine may have no such call, and a rule may say what is so without it.
        if (result != 0 && result != -EDOM && result != -EEXIST && result != -EACCES)
            fail("seccomp rule", -result);
    }
    void load()
    {
        if (const int result = seccomp_load(context_.get()); result != 0)
            fail("seccomp filter", -result);
    }

private:
    std::unique_ptr<void, void (*)(void*)> context_;
};

constexpr uint32_t refuse(int error)
{
    return SCMP_ACT_ERRNO(static_cast<uint32_t>(error));
}

// But no processes.
void add_threads(Filter& filter)
{
    for (const int call : {SCMP_SYS(set_robust_list), SCMP_SYS(rseq)})
        filter.add(SCMP_ACT_ALLOW, call, {});
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(clone),
               {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
    filter.add(refuse(ENOSYS), SCMP_SYS(clone3), {});  // whose flags no filter sees
}

Filter compile_filter()
{
    Filter filter(SCMP_ACT_KILL_PROCESS);
    filter.add(SCMP_ACT_ALLOW, kAlways);
    filter.add(refuse(EACCES), kRefused);
    // fstat() of glibc.
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(newfstatat),
               {SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)});
#ifdef MXGATE_SANITIZE  // asks a pipe whether memory can be read
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(pipe2), {});
#endif
    add_threads(filter);
    // No new code.
    for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        filter.add(SCMP_ACT_ALLOW, call, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
    return filter;
}

Filter fetch_filter()
{
    Filter filter(SCMP_ACT_KILL_PROCESS);
    filter.add(SCMP_ACT_ALLOW, kAlways);
    filter.add(SCMP_ACT_ALLOW, kNetwork);
    // Names are looked up by libraries that are loaded for it, as nsswitch.conf says.
    constexpr auto kChange = O_ACCMODE | O_CREAT | O_TRUNC;
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(openat), {SCMP_A2(SCMP_CMP_MASKED_EQ, kChange, O_RDONLY)});
    filter.add(SCMP_ACT_ALLOW, SCMP_SYS(open), {SCMP_A1(SCMP_CMP_MASKED_EQ, kChange, O_RDONLY)});
    for (const int family : {AF_INET, AF_INET6, AF_NETLINK})  // netlink: which families there are
        filter.add(SCMP_ACT_ALLOW, SCMP_SYS(socket),
                   {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family), 0)});
    // Nobody's control socket; name services that have one can do without.
    filter.add(refuse(EACCES), SCMP_SYS(socket), {SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)});
    add_threads(filter);
    return filter;
}

Filter program_filter()
{
    Filter filter(SCMP_ACT_ALLOW);
    filter.add(refuse(EPERM), kPrivileged);
    return filter;
}

}  // namespace

void give_up_rights()
{
    const pid_t parent = ::getppid();
    go_first();
    if (::geteuid() == 0)
        become_nobody();
    drop_capabilities();
    check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    const rlimit none{0, 0};
    check(::setrlimit(RLIMIT_CORE, &none), "core dumps");
    // After the change of user, which takes it back.
    check(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "signal at the parent's end");
    if (::getppid() != parent)
        throw std::runtime_error("the parent is gone");
}

void confine(Task task)
{
    Filter filter = task == Task::compile ? compile_filter()
                    : task == Task::fetch ? fetch_filter()
                                          : program_filter();
    filter.load();
}

}  // namespace mxgate
