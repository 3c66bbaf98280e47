// The ways in which a constraint fails; bindings turn them into Python's typed errors.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace guided {

struct TooComplex : std::runtime_error {
    std::string what_is;
    std::int64_t limit;
    TooComplex(std::string what, std::int64_t limit) : std::runtime_error(what), what_is(std::move(what)), limit(limit) {}
};

struct Unsatisfiable : std::runtime_error {
    explicit Unsatisfiable(const std::string& reason) : std::runtime_error(reason) {}
};

// A schema that is fine, but asks for what cannot be enforced exactly.
struct Unsupported : std::runtime_error {
    std::string keyword;
    Unsupported(std::string keyword, const std::string& reason) : std::runtime_error(reason), keyword(std::move(keyword)) {}
};

}  // namespace guided
