#include "trie.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace guided {

std::size_t LexRow::num_bytes() const {
    return 256 + (base.use_count() == 1 ? 4 * base->bits.size() : 0) + 4 * (adds.capacity() + removes.capacity() + exits.capacity()) +
           sizeof(Crossing) * (closing.capacity() + opening.capacity()) + sizeof(SharedCrossings) * closing_free.capacity() + 8 * next.capacity();
}

namespace {

struct Headed {
    std::uint64_t head;  // the first eight bytes, which decide the order nearly always
    std::int32_t token;
};

std::uint64_t head_of(std::string_view token) {
    std::uint64_t head = 0;
    for (std::size_t i = 0; i < 8; ++i) head = head << 8 | (i < token.size() ? static_cast<std::uint8_t>(token[i]) : 0);
    return head;
}

// By the head, byte after byte from the last one; tokens of one head stay as they were.
void sort_by_head(std::vector<Headed>& order) {
    std::array<std::array<std::uint32_t, 256>, 8> counts{};
    for (const Headed& x : order)
        for (std::size_t b = 0; b < 8; ++b) ++counts[b][(x.head >> (8 * b)) & 255];
    std::vector<Headed> other(order.size());
    for (std::size_t b = 0; b < 8; ++b) {
        std::uint32_t at = 0;
        for (std::uint32_t& count : counts[b]) at += std::exchange(count, at);
        for (const Headed& x : order) other[counts[b][(x.head >> (8 * b)) & 255]++] = x;
        order.swap(other);
    }
}

}  // namespace

Trie::Trie(TokenBytes tokens, std::vector<std::int32_t> eos_ids) : eos_ids_(std::move(eos_ids)) {
    std::sort(eos_ids_.begin(), eos_ids_.end());
    auto is_text = [&](std::size_t t) { return !tokens[t].empty(); };
    if (std::any_of(eos_ids_.begin(), eos_ids_.end(), [&](std::int32_t id) { return id >= 0 && static_cast<std::uint32_t>(id) < tokens.size() && is_text(static_cast<std::size_t>(id)); })) {
        TokenBytes others;  // what ends a text is no text
        for (std::uint32_t t = 0; t < tokens.size(); ++t) others.add(is_eos(static_cast<std::int32_t>(t)) ? std::string_view() : tokens[t]);
        tokens = std::move(others);
    }
    take(std::move(tokens));
    find_tails();
}

Trie::Trie(TokenBytes tokens, TailsOfAnother) { take(std::move(tokens)); }

Trie::Trie(std::string_view file, ContentKey key, std::shared_ptr<const void> owner, std::vector<std::int32_t> eos_ids) : eos_ids_(std::move(eos_ids)) {
    std::sort(eos_ids_.begin(), eos_ids_.end());
    SavedTables found = opened_tables(file, key);
    t_ = found.tables;
    arena_.keep(owner);
    for (std::size_t s = 0; s < free_texts_.size(); ++s) free_texts_[s].reset(new FreeText(found.free[s], num_words()));
    measure();
    find_tails();
}

std::string Trie::saved(ContentKey key) {
    AllFreeTables free;
    for (std::size_t s = 0; s < free.size(); ++s) free[s] = free_text(static_cast<Spelling>(s));
    return saved_tables(t_, free, key);
}

void Trie::take(TokenBytes tokens) {
    auto owned = std::make_shared<TokenBytes>(std::move(tokens));
    t_.starts = owned->starts, t_.bytes = owned->bytes;
    arena_.keep(std::move(owned));
    sort_ids();
    build();
}

// The tokens that are text, by their bytes; of equal ones the lesser id first.
void Trie::sort_ids() {
    std::vector<Headed> order;
    order.reserve(num_tokens());
    for (std::int32_t t = 0; t < static_cast<std::int32_t>(num_tokens()); ++t)
        if (const auto bytes = bytes_of(t); !bytes.empty()) order.push_back({head_of(bytes), t});
    sort_by_head(order);
    for (std::size_t i = 0, end; i < order.size(); i = end) {
        for (end = i + 1; end < order.size() && order[end].head == order[i].head;) ++end;
        if (end == i + 1) continue;
        std::sort(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(end), [&](const Headed& x, const Headed& y) {
            const int which = bytes_of(x.token).compare(bytes_of(y.token));
            return which != 0 ? which < 0 : x.token < y.token;
        });
    }
    const auto ids = arena_.make(t_.ids, order.size());
    std::transform(order.begin(), order.end(), ids.begin(), [](const Headed& x) { return x.token; });
}

void Trie::measure() {
    for (std::size_t t = 0; t < num_tokens(); ++t) max_token_bytes_ = std::max(max_token_bytes_, t_.starts[t + 1] - t_.starts[t]);
}

void Trie::build() {
    measure();
    std::vector<std::uint16_t> shared(t_.ids.size());  // of each rank: how many bytes it begins with like the one before
    std::size_t num = 1;
    std::string_view last;
    for (std::size_t r = 0; r < t_.ids.size(); ++r) {
        const std::string_view bytes = bytes_of(t_.ids[r]);
        const std::size_t most = std::min(bytes.size(), last.size());
        std::size_t same = 0;
        while (same < most && bytes[same] == last[same]) ++same;
        shared[r] = static_cast<std::uint16_t>(same);
        num += bytes.size() - same;
        last = bytes;
    }
    const auto byte = arena_.make(t_.byte, num);
    const auto depth = arena_.make(t_.depth, num);
    const auto parent = arena_.make(t_.parent, num);
    const auto nodes = arena_.make(t_.nodes, num + 1);
    nodes[kRoot].token = -1, nodes[num] = {0, static_cast<std::uint32_t>(t_.ids.size()), 0, -1};
    std::vector<NodeId> path(max_token_bytes_ + 1u);
    NodeId node = kRoot;
    for (std::uint32_t r = 0; r < t_.ids.size(); ++r) {
        const std::string_view bytes = bytes_of(t_.ids[r]);
        for (std::size_t d = shared[r]; d < bytes.size(); ++d) {
            path[d + 1] = ++node;
            byte[node] = static_cast<std::uint8_t>(bytes[d]), depth[node] = static_cast<std::uint16_t>(d + 1);
            parent[node] = path[d], nodes[node].rank = r, nodes[node].token = d + 1 == bytes.size() ? t_.ids[r] : -1;
        }
    }
    for (NodeId n = num_nodes(); n-- > 0;) {  // the last child is seen first
        if (nodes[n].end == 0) nodes[n].end = n + 1;
        if (NodeId& above = nodes[parent[n]].end; above == 0) above = nodes[n].end;
    }
    list_children(nodes);
    list_occurrences();
    collect_bytes();
}

void Trie::collect_bytes() {
    constexpr std::uint32_t kLittle = 8;
    const auto height = arena_.make(t_.height, num_nodes());
    const auto sets_of = arena_.make(t_.byte_sets_of, num_nodes());
    std::size_t num = 0;
    for (NodeId n = 1; n < num_nodes(); ++n) num += end(n) - n > kLittle;
    const auto sets = arena_.make(t_.byte_sets, num);
    num = 0;
    for (NodeId n = num_nodes(); n-- > 1;) {
        height[parent(n)] = std::max<std::uint16_t>(height[parent(n)], static_cast<std::uint16_t>(height[n] + 1));
        if (end(n) - n <= kLittle) continue;
        ByteSet& bytes = sets[num++];
        for (NodeId child : children(n)) {
            bytes[byte(child)] = true;
            if (const ByteSet* below = bytes_below(child)) bytes |= *below;
            else
                for (NodeId below_it = child + 1; below_it < end(child); ++below_it) bytes[byte(below_it)] = true;
        }
        sets_of[n] = static_cast<std::uint32_t>(num);
    }
}

void Trie::list_children(std::span<TrieNode> all) {
    for (NodeId n = 1; n < num_nodes(); ++n) ++all[parent(n) + 1].children;
    for (NodeId n = 0; n < num_nodes(); ++n) all[n + 1].children += all[n].children;
    const auto bytes = arena_.make(t_.child_bytes, num_nodes() - 1);
    const auto nodes = arena_.make(t_.child_nodes, num_nodes() - 1);
    std::vector<std::uint32_t> filled(num_nodes());
    std::transform(all.begin(), all.end() - 1, filled.begin(), [](const TrieNode& n) { return n.children; });
    for (NodeId n = 1; n < num_nodes(); ++n) {
        const std::uint32_t at = filled[parent(n)]++;
        bytes[at] = byte(n), nodes[at] = n;
    }
}

void Trie::list_occurrences() {
    const auto begins = arena_.make(t_.occurrences_of, 257);
    for (NodeId n = 1; n < num_nodes(); ++n) ++begins[byte(n) + 1u];
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    const auto nodes = arena_.make(t_.occurrences, num_nodes() - 1);
    std::vector<std::uint32_t> filled(begins.begin(), begins.end());
    for (NodeId n = 1; n < num_nodes(); ++n) nodes[filled[byte(n)]++] = n;
}

// Tails get their ids in the order of their bytes, so those at and below a node of their trie are a range of ids.
void Trie::find_tails() {
    std::vector<std::string_view> found;
    for (NodeId quote : nodes_of_byte('"'))
        for (std::int32_t token : tokens_between(quote, end(quote)))
            if (const auto tail = bytes_of(token).substr(depth(quote)); !tail.empty()) found.push_back(tail);
    std::ranges::sort(found);
    found.erase(std::unique(found.begin(), found.end()), found.end());
    TokenBytes texts;
    for (std::string_view tail : found) texts.add(tail);
    tails_.reset(new Trie(std::move(texts), TailsOfAnother{}));
    tails_->list_crossings(), list_crossings();
}

void Trie::list_crossings() {
    crossings_of_.push_back(0);
    for (NodeId quote : nodes_of_byte('"')) {
        for (std::int32_t token : tokens_between(quote, end(quote))) {
            const auto tail = bytes_of(token).substr(depth(quote));
            crossings_.push_back({token, tail.empty() ? Crossing::kNoTail : tails().id_of(tail)});
        }
        crossings_of_.push_back(static_cast<std::uint32_t>(crossings_.size()));
    }
}

// The token of a trie of tails.
std::uint32_t Trie::id_of(std::string_view bytes) const {
    const auto rank = std::ranges::lower_bound(t_.ids, bytes, {}, [&](std::int32_t t) { return bytes_of(t); });
    return static_cast<std::uint32_t>(*rank);
}

std::span<const Crossing> Trie::crossings(NodeId quote) const {
    const auto quotes = nodes_of_byte('"');
    const auto i = static_cast<std::size_t>(std::lower_bound(quotes.begin(), quotes.end(), quote) - quotes.begin());
    return {crossings_.data() + crossings_of_[i], crossings_.data() + crossings_of_[i + 1]};
}

bool Trie::is_eos(std::int32_t token) const { return std::binary_search(eos_ids_.begin(), eos_ids_.end(), token); }

std::string_view Trie::bytes_of(std::int32_t token) const {
    if (token < 0 || static_cast<std::uint32_t>(token) >= num_tokens()) return {};
    const auto t = static_cast<std::size_t>(token);
    return {t_.bytes.data() + t_.starts[t], t_.starts[t + 1] - t_.starts[t]};
}

FreeText& Trie::free_text(Spelling spelling) {
    auto& slot = free_texts_[static_cast<std::size_t>(spelling)];
    if (!slot) slot.reset(new FreeText(*this, spelling));
    // not among the tables that are kept on disk: they are few, and point to the crossings
    if (!slot->closings.is_listed()) slot->closings.list(*this, slot->quotes, slot->chars);
    return *slot;
}

FreeText::FreeText(const Trie& trie, Spelling spelling) {
    spell(trie, spelling);
    std::vector<NodeId> found;
    if (spelling != Spelling::Text)
        for (NodeId n : trie.nodes_of_byte('"'))
            if (const NodeId above = trie.parent(n); chars[above] != kDead && is_whole[above]) found.push_back(n);
    std::copy(found.begin(), found.end(), arena_.make(quotes, found.size()).begin());
    sort_tokens(trie);
    list_words(trie.num_words());
}

void FreeText::spell(const Trie& trie, Spelling spelling) {
    std::array<SpellStep, 256> first;  // of the bytes between characters
    for (std::size_t b = 0; b < 256; ++b) first[b] = spell_step(spelling, 0, static_cast<std::uint8_t>(b));
    const auto num = arena_.make(chars, trie.num_nodes());
    const auto whole = arena_.make(is_whole, trie.num_nodes());
    std::fill(num.begin() + 1, num.end(), kDead), std::fill(whole.begin(), whole.end(), true);
    std::vector<Partial> partials(trie.max_token_bytes() + 1u);
    for (NodeId n = 1; n < trie.num_nodes();) {
        const std::uint32_t depth = trie.depth(n);
        const Partial before = partials[depth - 1];
        const SpellStep step = before == 0 ? first[trie.byte(n)] : spell_step(spelling, before, trie.byte(n));
        if (step.kind == SpellStep::Dead) {
            n = trie.end(n);
            continue;
        }
        num[n] = static_cast<std::uint16_t>(num[trie.parent(n)] + (before == 0));
        whole[n] = step.kind == SpellStep::Char;
        partials[depth] = step.kind == SpellStep::More ? step.value : 0;
        ++n;
    }
}

void FreeText::sort_tokens(const Trie& trie) {
    std::vector<std::uint32_t> num_of(1);  // tokens of so many characters
    for (NodeId n = 1; n < trie.num_nodes(); ++n) {
        if (chars[n] == kDead || trie.tokens_at(n).empty()) continue;
        if (num_of.size() <= chars[n]) num_of.resize(chars[n] + 1u);
        num_of[chars[n]] += static_cast<std::uint32_t>(trie.tokens_at(n).size());
    }
    const auto sums = arena_.make(num_up_to, num_of.size());
    std::partial_sum(num_of.begin(), num_of.end(), sums.begin());
    const auto sorted = arena_.make(by_chars, sums.back());
    std::vector<std::uint32_t> filled(num_of.size());
    std::copy(sums.begin(), sums.end() - 1, filled.begin() + 1);
    for (NodeId n = 1; n < trie.num_nodes(); ++n)
        if (chars[n] != kDead)
            for (std::int32_t t : trie.tokens_at(n)) sorted[filled[chars[n]]++] = t;
}

void FreeText::list_words(std::uint32_t num_words) {
    auto all = std::make_shared<Words>(num_words);
    for (std::int32_t t : by_chars) all->add(t);
    words = std::move(all);
}

void Closings::list(const Trie& trie, std::span<const NodeId> quotes, std::span<const std::uint16_t> chars) {
    quotes_ = quotes;
    starts_.push_back(0);
    for (NodeId quote : quotes) {
        for (Crossing c : trie.crossings(quote)) {
            c.chars = chars[trie.parent(quote)], crossings_.push_back(c);
            most_before_ = std::max(most_before_, c.chars);
        }
        starts_.push_back(static_cast<std::uint32_t>(crossings_.size()));
    }
}

std::span<const Crossing> Closings::between(NodeId from, NodeId to) const {
    auto at = [&](NodeId n) {
        return crossings_.data() + starts_[static_cast<std::size_t>(std::lower_bound(quotes_.begin(), quotes_.end(), n) - quotes_.begin())];
    };
    return {at(from), at(to)};
}

WordsPtr FreeText::up_to(std::uint32_t num_chars) {
    if (num_up_to.empty() || num_chars >= num_up_to.size() - 1) return words;
    WordsPtr& slot = up_to_[num_chars];
    if (slot) return slot;
    const std::uint32_t num = num_up_to[num_chars];
    const bool is_few = 2 * num < by_chars.size();
    auto made = is_few ? std::make_shared<Words>(static_cast<std::uint32_t>(words->bits.size())) : std::make_shared<Words>(*words);
    for (std::size_t i = is_few ? 0 : num; i < (is_few ? num : by_chars.size()); ++i)
        if (is_few) made->add(by_chars[i]); else made->remove(by_chars[i]);
    return slot = std::move(made);
}

std::shared_ptr<const LexRow> Trie::cached(const std::array<std::uint64_t, 3>& key) {
    const auto* known = rows_.find(key);
    return known ? *known : nullptr;
}

void Trie::keep(const std::array<std::uint64_t, 3>& key, std::shared_ptr<const LexRow> row) {
    const std::size_t held = row->num_bytes();
    rows_.keep(key, std::move(row), held);
}

}  // namespace guided
