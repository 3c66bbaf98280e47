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

#include "grammar.hpp"
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

void bind_document(nanobind::module_& m);
void bind_lowering(nanobind::class_<PyBuilder>& builder);

}  // namespace guided
