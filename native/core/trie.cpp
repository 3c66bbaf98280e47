#include "trie.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace guided {

std::size_t LexRow::num_bytes() const {
    return 256 + (base.use_count() == 1 ? 4 * base->bits.size() : 0) + 4 * (adds.size() + removes.size() + exits.size()) +
           sizeof(Crossing) * (closing.size() + opening.size()) + 8 * next.size();
}

Trie::Trie(std::vector<std::optional<std::string>> tokens, std::vector<std::int32_t> eos_ids)
    : tokens_(std::move(tokens)), eos_ids_(std::move(eos_ids)) {
    std::sort(eos_ids_.begin(), eos_ids_.end());
    for (std::int32_t id : eos_ids_)
        if (id >= 0 && static_cast<std::size_t>(id) < tokens_.size()) tokens_[static_cast<std::size_t>(id)].reset();
    build();
    find_tails();
}

Trie::Trie(std::vector<std::optional<std::string>> tokens, TailsOfAnother) : tokens_(std::move(tokens)) { build(); }

void Trie::build() {
    std::vector<std::pair<std::uint64_t, std::int32_t>> order;  // by the first eight bytes, which decide nearly always
    for (std::size_t t = 0; t < tokens_.size(); ++t) {
        if (!tokens_[t] || tokens_[t]->empty()) continue;
        std::uint64_t head = 0;
        for (std::size_t i = 0; i < 8; ++i) head = head << 8 | (i < tokens_[t]->size() ? static_cast<std::uint8_t>((*tokens_[t])[i]) : 0);
        order.push_back({head, static_cast<std::int32_t>(t)});
    }
    std::sort(order.begin(), order.end(), [&](const auto& x, const auto& y) {
        if (x.first != y.first) return x.first < y.first;
        const int rest = tokens_[static_cast<std::size_t>(x.second)]->compare(*tokens_[static_cast<std::size_t>(y.second)]);
        return rest != 0 ? rest < 0 : x.second < y.second;
    });
    ids_.reserve(order.size());
    for (const auto& [_, id] : order) ids_.push_back(id);
    auto add = [&](std::uint8_t b, std::size_t depth, NodeId parent, std::uint32_t rank) {
        byte_.push_back(b), depth_.push_back(static_cast<std::uint16_t>(depth)), parent_.push_back(parent);
        rank_.push_back(rank), own_.push_back(0), end_.push_back(0);
        return static_cast<NodeId>(byte_.size() - 1);
    };
    std::vector<NodeId> path{add(0, 0, 0, 0)};
    std::string last;
    for (std::uint32_t r = 0; r < ids_.size(); ++r) {
        const std::string& bytes = *tokens_[static_cast<std::size_t>(ids_[r])];
        max_token_bytes_ = std::max(max_token_bytes_, static_cast<std::uint32_t>(bytes.size()));
        std::size_t shared = 0;
        while (shared < last.size() && shared < bytes.size() && last[shared] == bytes[shared]) ++shared;
        for (; path.size() > shared + 1; path.pop_back()) end_[path.back()] = static_cast<NodeId>(byte_.size());
        for (std::size_t i = shared; i < bytes.size(); ++i) {
            const auto b = static_cast<std::uint8_t>(bytes[i]);
            path.push_back(add(b, i + 1, path.back(), r));
            occurrences_[b].push_back(path.back());
        }
        ++own_[path.back()];
        last = bytes;
    }
    for (NodeId n : path) end_[n] = static_cast<NodeId>(byte_.size());
    list_children();
    collect_bytes();
}

void Trie::collect_bytes() {
    constexpr std::uint32_t kLittle = 8;
    height_.assign(num_nodes(), 0), byte_sets_of_.assign(num_nodes(), 0);
    for (NodeId n = num_nodes(); n-- > 1;) {
        height_[parent_[n]] = std::max<std::uint16_t>(height_[parent_[n]], static_cast<std::uint16_t>(height_[n] + 1));
        if (end_[n] - n <= kLittle) continue;
        std::bitset<256> bytes;
        for (NodeId child : children(n)) {
            bytes[byte_[child]] = true;
            if (byte_sets_of_[child]) bytes |= byte_sets_[byte_sets_of_[child] - 1];
            else
                for (NodeId below = child + 1; below < end_[child]; ++below) bytes[byte_[below]] = true;
        }
        byte_sets_.push_back(bytes);
        byte_sets_of_[n] = static_cast<std::uint32_t>(byte_sets_.size());
    }
}

void Trie::list_children() {
    children_.assign(num_nodes() + 1, 0);
    for (NodeId n = 1; n < num_nodes(); ++n) ++children_[parent_[n] + 1];
    std::partial_sum(children_.begin(), children_.end(), children_.begin());
    child_bytes_.resize(num_nodes() - 1), child_nodes_.resize(num_nodes() - 1);
    std::vector<std::uint32_t> filled(children_.begin(), children_.end() - 1);
    for (NodeId n = 1; n < num_nodes(); ++n) {
        const std::uint32_t at = filled[parent_[n]]++;
        child_bytes_[at] = byte_[n], child_nodes_[at] = n;
    }
}

void Trie::find_tails() {
    std::map<std::string, std::uint32_t> ids;
    std::vector<std::optional<std::string>> texts;
    for (NodeId quote : occurrences_['"']) {
        crossings_of_.push_back(static_cast<std::uint32_t>(crossings_.size()));
        const std::uint32_t depth = depth_[quote];
        for (NodeId n = quote; n < end_[quote]; ++n) {
            for (std::int32_t token : tokens_at(n)) {
                std::string tail = tokens_[static_cast<std::size_t>(token)]->substr(depth);
                if (tail.empty()) {
                    crossings_.push_back({token, Crossing::kNoTail});
                    continue;
                }
                const auto [it, fresh] = ids.try_emplace(tail, static_cast<std::uint32_t>(texts.size()));
                if (fresh) texts.push_back(std::move(tail));
                crossings_.push_back({token, it->second});
            }
        }
    }
    crossings_of_.push_back(static_cast<std::uint32_t>(crossings_.size()));
    tails_.reset(new Trie(std::move(texts), TailsOfAnother{}));
}

std::span<const Crossing> Trie::crossings(NodeId quote) const {
    const auto& quotes = occurrences_['"'];
    const auto i = static_cast<std::size_t>(std::lower_bound(quotes.begin(), quotes.end(), quote) - quotes.begin());
    return {crossings_.data() + crossings_of_[i], crossings_.data() + crossings_of_[i + 1]};
}

bool Trie::is_eos(std::int32_t token) const { return std::binary_search(eos_ids_.begin(), eos_ids_.end(), token); }

const std::string* Trie::bytes_of(std::int32_t token) const {
    if (token < 0 || static_cast<std::size_t>(token) >= tokens_.size()) return nullptr;
    const auto& t = tokens_[static_cast<std::size_t>(token)];
    return t && !t->empty() ? &*t : nullptr;
}

FreeText& Trie::free_text(Spelling spelling) {
    auto& slot = free_texts_[static_cast<std::size_t>(spelling)];
    if (slot) return *slot;
    slot = std::make_unique<FreeText>();
    slot->chars.assign(num_nodes(), FreeText::kDead);
    slot->is_whole.assign(num_nodes(), true);
    slot->chars[kRoot] = 0;
    auto words = std::make_shared<Words>(num_words());
    std::vector<std::vector<std::int32_t>> by_chars;
    std::vector<Partial> partials{0};
    for (NodeId n = 1; n < num_nodes();) {
        partials.resize(depth_[n]);
        const Partial before = partials.back();
        if (spelling != Spelling::Text && before == 0 && byte_[n] == '"') slot->quotes.push_back(n);
        const SpellStep step = spell_step(spelling, before, byte_[n]);
        if (step.kind == SpellStep::Dead) {
            n = end_[n];
            continue;
        }
        const std::uint16_t chars = slot->chars[n] = static_cast<std::uint16_t>(slot->chars[parent_[n]] + (before == 0));
        slot->is_whole[n] = step.kind == SpellStep::Char;
        if (by_chars.size() <= chars) by_chars.resize(chars + 1u);
        for (std::int32_t t : tokens_at(n)) words->add(t), by_chars[chars].push_back(t);
        partials.push_back(step.kind == SpellStep::More ? step.value : 0);
        ++n;
    }
    for (const auto& tokens : by_chars) {
        slot->by_chars_.insert(slot->by_chars_.end(), tokens.begin(), tokens.end());
        slot->num_up_to_.push_back(static_cast<std::uint32_t>(slot->by_chars_.size()));
    }
    slot->words = std::move(words);
    return *slot;
}

WordsPtr FreeText::up_to(std::uint32_t num_chars) {
    if (num_up_to_.empty() || num_chars >= num_up_to_.size() - 1) return words;
    WordsPtr& slot = up_to_[num_chars];
    if (slot) return slot;
    const std::uint32_t num = num_up_to_[num_chars];
    const bool is_few = 2 * num < by_chars_.size();
    auto made = is_few ? std::make_shared<Words>(static_cast<std::uint32_t>(words->bits.size())) : std::make_shared<Words>(*words);
    for (std::size_t i = is_few ? 0 : num; i < (is_few ? num : by_chars_.size()); ++i)
        if (is_few) made->add(by_chars_[i]); else made->remove(by_chars_[i]);
    return slot = std::move(made);
}

std::shared_ptr<const LexRow> Trie::cached(const std::array<std::uint64_t, 3>& key) const {
    auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : it->second;
}

void Trie::keep(const std::array<std::uint64_t, 3>& key, std::shared_ptr<const LexRow> row) {
    const std::size_t bytes = row->num_bytes();
    if (row_bytes_ + bytes > kMaxRowBytes) rows_.clear(), row_bytes_ = 0;
    row_bytes_ += bytes;
    rows_.emplace(key, std::move(row));
}

}  // namespace guided
