// SPDX-License-Identifier: BSD-2-Clause
#include <cstdint>
#include <cstdlib>

#include "control/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string text(reinterpret_cast<const char*>(data), size);
    const mxgate::ConfigResult result = mxgate::parse_config(text, "/etc/mxgate/mxgate.yaml");
    bool refused = false;
    for (const mxgate::Diagnostic& diagnostic : result.diagnostics) {
        refused = refused || diagnostic.severity == mxgate::Diagnostic::Severity::error;
        if (diagnostic.where.line < 1 || diagnostic.where.column < 1)
            abort();  // every mistake has its place
    }
    if (refused == result.config.has_value())
        abort();
    if (result.config && (result.config->gate.services.empty() ||
                          result.config->gate.services[0].addresses.empty() ||
                          result.config->classes.empty() || result.config->default_class.empty()))
        abort();
    return 0;
}
