#include "trie.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace guided {

Trie::Trie(std::vector<std::optional<std::string>> tokens, std::vector<std::int32_t> eos_ids)
    : tokens_(std::move(tokens)), eos_ids_(std::move(eos_ids)) {
    std::sort(eos_ids_.begin(), eos_ids_.end());
    for (std::int32_t id : eos_ids_)
        if (id >= 0 && static_cast<std::size_t>(id) < tokens_.size()) tokens_[static_cast<std::size_t>(id)].reset();
    build();
    find_quote_shapes();
}

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
        if (std::count(bytes.begin(), bytes.end(), '"') >= 3) tokens_with_keys_.push_back(ids_[r]);
        if (bytes.find(',') != std::string::npos) tokens_with_commas_.push_back(ids_[r]);
        last = bytes;
    }
    for (NodeId n : path) end_[n] = static_cast<NodeId>(byte_.size());
}

void Trie::find_quote_shapes() {
    std::map<std::vector<std::uint16_t>, std::uint32_t> shapes;
    for (NodeId quote : occurrences_['"']) {
        std::vector<std::uint16_t> shape;
        for (NodeId n = quote + 1; n < end_[quote]; ++n) {
            shape.push_back(static_cast<std::uint16_t>(depth_[n] - depth_[quote]));
            shape.push_back(static_cast<std::uint16_t>(byte_[n] | (own_[n] ? 0x100 : 0)));
        }
        quote_shapes_[quote] = shapes.try_emplace(std::move(shape), static_cast<std::uint32_t>(shapes.size())).first->second;
    }
}

bool Trie::is_eos(std::int32_t token) const { return std::binary_search(eos_ids_.begin(), eos_ids_.end(), token); }

const std::string* Trie::bytes_of(std::int32_t token) const {
    if (token < 0 || static_cast<std::size_t>(token) >= tokens_.size()) return nullptr;
    const auto& t = tokens_[static_cast<std::size_t>(token)];
    return t && !t->empty() ? &*t : nullptr;
}

std::optional<NodeId> Trie::child(NodeId n, std::uint8_t b) const {
    for (NodeId c = n + 1; c < end_[n]; c = end_[c]) {
        if (byte_[c] == b) return c;
        if (byte_[c] > b) break;
    }
    return std::nullopt;
}

std::string Trie::path(NodeId n) const {
    std::string out(depth_[n], '\0');
    for (std::size_t i = out.size(); i-- > 0; n = parent_[n]) out[i] = static_cast<char>(byte_[n]);
    return out;
}

const FreeText& Trie::free_text(Spelling spelling) {
    auto& slot = free_texts_[static_cast<std::size_t>(spelling)];
    if (slot) return *slot;
    slot = std::make_unique<FreeText>();
    slot->chars.assign(num_nodes(), FreeText::kDead);
    slot->is_whole.assign(num_nodes(), true);
    slot->words.resize(num_words());
    slot->chars[kRoot] = 0;
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
        slot->chars[n] = static_cast<std::uint16_t>(slot->chars[parent_[n]] + (before == 0));
        slot->is_whole[n] = step.kind == SpellStep::Char;
        tokens_at(n, [&](std::int32_t t) { slot->words[static_cast<std::size_t>(t) >> 5] |= static_cast<std::int32_t>(1u << (t & 31)); });
        partials.push_back(step.kind == SpellStep::More ? step.value : 0);
        ++n;
    }
    return *slot;
}

std::shared_ptr<const LexRow> Trie::cached(const std::array<std::uint64_t, 3>& key) const {
    auto it = rows_.find(key);
    return it == rows_.end() ? nullptr : it->second;
}

void Trie::keep(const std::array<std::uint64_t, 3>& key, std::shared_ptr<const LexRow> row) {
    const std::size_t bytes = 128 + 4 * (row->words.size() + row->tokens.size() + row->exits.size());
    if (row_bytes_ + bytes > kMaxRowBytes) rows_.clear(), row_bytes_ = 0;
    row_bytes_ += bytes;
    rows_.emplace(key, std::move(row));
}

}  // namespace guided
