// Expressions that were built lately, outside of any pool, by what they were built from.
//
// What a pattern, a format or a range of numbers means does not depend on the schema around it: it is built once and put
// into each pool that asks. Bounded by the bytes of all that is kept; what was used longest ago goes first.
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
    ExpressionCache(std::size_t max_bytes, std::size_t largest) : max_bytes_(max_bytes), largest_(largest) {}

    std::shared_ptr<const PortableExpr> find(std::string_view key) {  // null: not kept
        const auto it = at_.find(key);
        if (it == at_.end()) return nullptr;
        kept_.splice(kept_.begin(), kept_, it->second);
        return it->second->expression;
    }
    void keep(std::string_view key, std::shared_ptr<const PortableExpr> expression) {
        const std::size_t bytes = expression->num_bytes() + key.size() + kOwnBytes;
        if (bytes > largest_ || at_.contains(key)) return;
        num_bytes_ += bytes;
        kept_.push_front({std::string(key), std::move(expression), bytes});
        at_.emplace(kept_.front().key, kept_.begin());
        while (num_bytes_ > max_bytes_) {
            num_bytes_ -= kept_.back().bytes;
            at_.erase(kept_.back().key);
            kept_.pop_back();
        }
    }
    std::size_t size() const { return kept_.size(); }
    std::size_t num_bytes() const { return num_bytes_; }

   private:
    struct Entry {
        std::string key;
        std::shared_ptr<const PortableExpr> expression;
        std::size_t bytes;
    };
    static constexpr std::size_t kOwnBytes = sizeof(Entry) + 128;  // and of the two nodes

    std::size_t max_bytes_, largest_, num_bytes_ = 0;
    std::list<Entry> kept_;  // used last, first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> at_;
};

}  // namespace guided
