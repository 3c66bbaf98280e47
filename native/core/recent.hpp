// The values that were used last, as many as fit into so many bytes; what was used longest ago goes first.
//
// Who holds a value that is dropped keeps it alive. The newest value stays whatever its size.
#pragma once

#include <list>
#include <unordered_map>
#include <utility>

namespace guided {

template <class Key, class Value, class Hash = std::hash<Key>>
class Recent {
   public:
    explicit Recent(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    const Value* find(const Key& key) {  // null: not kept
        const auto it = at_.find(key);
        if (it == at_.end()) return nullptr;
        kept_.splice(kept_.begin(), kept_, it->second);
        return &it->second->value;
    }
    // The key must not be there yet; `bytes` is what the value holds.
    const Value& keep(const Key& key, Value value, std::size_t bytes) {
        bytes += kOwnBytes;
        kept_.push_front({key, std::move(value), bytes});
        at_.emplace(key, kept_.begin());
        num_bytes_ += bytes;
        while (num_bytes_ > max_bytes_ && kept_.size() > 1) {
            num_bytes_ -= kept_.back().bytes;
            at_.erase(kept_.back().key);
            kept_.pop_back();
        }
        return kept_.front().value;
    }
    template <typename F>
    void each(F&& use) const {  // of all values, used last first
        for (const Entry& entry : kept_) use(entry.value);
    }
    std::size_t size() const { return kept_.size(); }
    std::size_t num_bytes() const { return num_bytes_; }

   private:
    struct Entry {
        Key key;
        Value value;
        std::size_t bytes;
    };
    static constexpr std::size_t kOwnBytes = sizeof(Entry) + sizeof(Key) + 64;  // of the two nodes

    std::size_t max_bytes_, num_bytes_ = 0;
    std::list<Entry> kept_;  // used last, first
    std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> at_;
};

}  // namespace guided
