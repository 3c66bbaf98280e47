// What the two files that know Python share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "expression_cache.hpp"
#include "grammar.hpp"
#include "remainders.hpp"
#include "schema_lowering.hpp"

namespace guided {

class PyBuilder {
   public:
    const Limits limits;
    std::vector<std::shared_ptr<LoweredPlaces>> places;  // of the schemas that were lowered into it

    explicit PyBuilder(const Limits& limits) : limits(limits), builder_(limits) {}

    Builder& builder() {
        if (is_spent_) throw nanobind::value_error("this builder has been compiled; start a new one");
        return builder_;
    }
    ExprPool& pool() { return builder().machine().pool; }
    Schemas& schemas() { return builder().machine().schemas; }
    void spend() { is_spent_ = true; }

    ExprId expr(std::uint32_t e) {
        if (e >= pool().size()) throw nanobind::value_error("no such expression id");
        return e;
    }
    std::vector<ExprId> exprs(const std::vector<std::uint32_t>& ids) {
        for (std::uint32_t e : ids) expr(e);
        return ids;
    }
    SchemaId schema(std::uint32_t s) {
        if (s >= schemas().nodes.size()) throw nanobind::value_error("no such schema id");
        return s;
    }

   private:
    Builder builder_;
    bool is_spent_ = false;
};

// The UTF-8 of a Python text, a lone surrogate as its three bytes; good as long as `use` runs.
template <class Use>
void with_text(nanobind::handle text, Use&& use) {
    Py_ssize_t size = 0;
    if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) return use(std::string_view(data, static_cast<std::size_t>(size)));
    PyErr_Clear();
    const nanobind::object bytes = nanobind::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogatepass"));
    if (!bytes.is_valid()) throw nanobind::python_error();
    use(std::string_view(PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))));
}

// The expression of what `key` says: kept, or made by `build` in a builder of its own. None where that makes none.
template <class Build>
std::optional<ExprId> shared_expression(PyBuilder& b, ExpressionCache& cache, std::string_view key, Build&& build) {
    std::shared_ptr<const PortableExpr> expression = cache.find(key);
    if (!expression) {
        const nanobind::object scratch = nanobind::cast(std::make_unique<PyBuilder>(b.limits));
        const nanobind::object made = build(scratch);
        if (made.is_none()) return {};
        PyBuilder& other = nanobind::cast<PyBuilder&>(scratch);
        expression = std::make_shared<const PortableExpr>(other.pool().exported(other.expr(nanobind::cast<ExprId>(made))));
        cache.keep(key, expression);
    }
    return b.pool().insert(*expression);
}

void bind_attention(nanobind::module_& m);
void bind_document(nanobind::module_& m);
void bind_lowering(nanobind::class_<PyBuilder>& builder);

}  // namespace guided
