// Expressions that were built lately, outside of any pool, by what they were built from.
//
// What a pattern, a format or a range of numbers means does not depend on the schema around it: it is built once and put
// into each pool that asks. Bounded by the parts of all that is kept; what was used longest ago goes first.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "expr.hpp"

namespace guided {

class ExpressionCache {
   public:
    // What is larger than `largest` is not kept.
    ExpressionCache(std::size_t max_parts, std::size_t largest) : max_parts_(max_parts), largest_(largest) {}

    std::shared_ptr<const PortableExpr> find(std::string_view key) {  // null: not kept
        const auto it = at_.find(key);
        if (it == at_.end()) return nullptr;
        kept_.splice(kept_.begin(), kept_, it->second);
        return it->second->expression;
    }
    void keep(std::string_view key, std::shared_ptr<const PortableExpr> expression) {
        if (expression->num_parts() > largest_ || at_.contains(key)) return;
        num_parts_ += expression->num_parts();
        kept_.push_front({std::string(key), std::move(expression)});
        at_.emplace(kept_.front().key, kept_.begin());
        while (num_parts_ > max_parts_) {
            num_parts_ -= kept_.back().expression->num_parts();
            at_.erase(kept_.back().key);
            kept_.pop_back();
        }
    }
    std::size_t size() const { return kept_.size(); }
    std::size_t num_parts() const { return num_parts_; }

   private:
    struct Entry {
        std::string key;
        std::shared_ptr<const PortableExpr> expression;
    };

    std::size_t max_parts_, largest_, num_parts_ = 0;
    std::list<Entry> kept_;  // used last, first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> at_;
};

}  // namespace guided
