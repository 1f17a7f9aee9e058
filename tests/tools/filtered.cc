// SPDX-License-Identifier: BSD-2-Clause
// Runs a program that may make the system calls named in a file, one a line; others fail with
// EPERM. What systemd does for `SystemCallFilter=`, where there is no systemd.
//
//     mxgate-filtered CALLS PROGRAM [ARGUMENT...]
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

int main(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    const auto fail = [](const std::string& what, int error) {
        std::fprintf(stderr, "mxgate-filtered: %s: %s\n", what.c_str(), std::strerror(error));
        return 127;
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == nullptr)
        return fail("seccomp", ENOMEM);
    std::ifstream names(argv[1]);
    int calls = 0;
    for (std::string name; std::getline(names, name);) {
        const int call = seccomp_syscall_resolve_name(name.c_str());
        if (call == __NR_SCMP_ERROR)
            continue;  // newer than the library: systemd leaves it out, too
        const int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
        if (result != 0 && result != -EDOM)  // which this architecture does not have
            return fail(name, -result);
        calls++;
    }
    if (calls == 0)
        return fail(argv[1], EINVAL);
    if (const int result = seccomp_load(filter); result != 0)
        return fail("seccomp filter", -result);
    seccomp_release(filter);
    ::execvp(argv[2], argv + 2);
    return fail(argv[2], errno);
}
