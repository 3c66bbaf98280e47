// Expressions as text: what is made once and kept in a file, line by line and number by number.
//
// `c` a set of characters: first and last of each range. `t` a table, and of each of its states `+` (accepting) or `-`
// with the set and the target of each edge. `n` a node: kind, whether it is nullable, a, b, least and most rounds, and the
// parts of a list. Sets, tables and nodes are numbered as they come. What else is known of them is found again.
#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "expr.hpp"

namespace guided {

namespace {

[[noreturn]] void refuse() { throw std::invalid_argument("this is no expression written by this version of guided"); }

// Numbers of one line after the other.
class Reader {
   public:
    explicit Reader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool is_done() const { return at_ == end_; }
    char tag() const { return *at_; }
    const std::vector<std::uint32_t>& line() {  // the numbers behind the tag
        numbers_.clear();
        for (++at_; at_ != end_ && *at_ == ' ';) {
            std::uint32_t x = 0;
            const auto [next, problem] = std::from_chars(at_ + 1, end_, x);
            if (problem != std::errc()) refuse();
            numbers_.push_back(x), at_ = next;
        }
        if (at_ == end_ || *at_ != '\n') refuse();
        ++at_;
        return numbers_;
    }

   private:
    const char *at_, *end_;
    std::vector<std::uint32_t> numbers_;
};

CharSet read_set(const std::vector<std::uint32_t>& x) {
    CharSet out;
    if (x.empty() || x.size() % 2 != 0) refuse();
    for (std::size_t i = 0; i < x.size(); i += 2) {
        if (x[i] > x[i + 1] || x[i + 1] > kMaxCodePoint || (i > 0 && x[i] <= x[i - 1])) refuse();
        out.push_back({x[i], x[i + 1]});
    }
    return out;
}

Automaton read_automaton(Reader& reader, const std::vector<CharSet>& sets, std::uint32_t num_states) {
    Automaton a;
    while (a.states.size() < num_states) {
        if (reader.is_done() || (reader.tag() != '+' && reader.tag() != '-')) refuse();
        a.accepting.push_back(reader.tag() == '+');
        const std::vector<std::uint32_t>& x = reader.line();
        if (x.size() % 2 != 0) refuse();
        auto& edges = a.states.emplace_back();
        for (std::size_t i = 0; i < x.size(); i += 2) {
            if (x[i] >= sets.size() || x[i + 1] >= num_states) refuse();
            edges.push_back({sets[x[i]], x[i + 1]});
        }
    }
    return a;
}

// A node of the expression so far: what it is made of must be there.
void read_node(PortableExpr& out, const std::vector<std::uint32_t>& x) {
    constexpr std::size_t kUsual = 6;
    if (x.size() < kUsual || x[0] > static_cast<std::uint32_t>(ExprKind::State) || x[1] > 1) refuse();
    ExprPool::Node n{static_cast<ExprKind>(x[0]), x[1] == 1, true, 0, 1, x[2], x[3], x[4], x[5], {}};
    const auto is_known = [&](std::uint32_t part) { return part < out.nodes.size(); };
    const bool is_list = n.kind == ExprKind::Alt || n.kind == ExprKind::And;
    bool is_right = is_list ? x.size() == kUsual + n.b && n.b > 1 && std::all_of(x.begin() + kUsual, x.end(), is_known) : x.size() == kUsual;
    if (n.kind == ExprKind::Set) is_right = is_right && n.a < out.sets.size();
    if (n.kind == ExprKind::State) is_right = is_right && n.a < out.tables.size() && n.b < out.tables[n.a]->num_states();
    if (n.kind == ExprKind::Cat || n.kind == ExprKind::Not || n.kind == ExprKind::Repeat) is_right = is_right && is_known(n.a);
    if (n.kind == ExprKind::Cat) is_right = is_right && is_known(n.b);
    if (!is_right) refuse();
    if (is_list) n.a = static_cast<std::uint32_t>(out.lists.size());
    out.lists.insert(out.lists.end(), x.begin() + kUsual, x.end());
    out.nodes.push_back(n);
}

void write_line(std::string& out, char tag, std::initializer_list<std::uint32_t> numbers) {
    out += tag;
    for (std::uint32_t x : numbers) out += ' ', out += std::to_string(x);
}

void write_set(std::string& out, Chars set) {
    out += 'c';
    for (const Range& r : set) out += ' ' + std::to_string(r.lo) + ' ' + std::to_string(r.hi);
    out += '\n';
}

}  // namespace

std::string PortableExpr::text() const {
    std::string out;
    for (const CharSet& set : sets) write_set(out, set);
    std::uint32_t first_set = static_cast<std::uint32_t>(sets.size());  // of a table: they come before it
    for (const auto& table : tables) {
        for (const CharSet& set : table->sets) write_set(out, set);
        write_line(out, 't', {static_cast<std::uint32_t>(table->num_states())}), out += '\n';
        for (std::uint32_t s = 0; s < table->num_states(); ++s) {
            out += table->accepting[s] ? '+' : '-';
            for (const auto& edge : table->edges_of(s)) out += ' ' + std::to_string(first_set + edge.set) + ' ' + std::to_string(edge.to);
            out += '\n';
        }
        first_set += static_cast<std::uint32_t>(table->sets.size());
    }
    for (const ExprPool::Node& n : nodes) {
        const bool is_list = n.kind == ExprKind::Alt || n.kind == ExprKind::And;
        write_line(out, 'n', {static_cast<std::uint32_t>(n.kind), n.nullable, is_list ? 0 : n.a, n.b, n.min, n.max});
        for (std::uint32_t i = 0; is_list && i < n.b; ++i) out += ' ' + std::to_string(lists[n.a + i]);
        out += '\n';
    }
    return out;
}

PortableExpr PortableExpr::read(std::string_view text) {
    PortableExpr out;
    for (Reader reader(text); !reader.is_done();) {
        const char tag = reader.tag();
        const std::vector<std::uint32_t>& x = reader.line();
        if (tag == 'c') {
            out.sets.push_back(read_set(x));
        } else if (tag == 'n') {
            read_node(out, x);
        } else {
            if (tag != 't' || x.size() != 1 || x[0] == 0) refuse();
            out.tables.push_back(ExprPool::table_of(read_automaton(reader, out.sets, x[0])));
            if (!out.tables.back()) refuse();
        }
    }
    if (out.nodes.empty()) refuse();
    return out;
}

}  // namespace guided
