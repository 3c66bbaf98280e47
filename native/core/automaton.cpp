// Expressions that are automata given state by state, and expressions on their way from one pool to another.
//
// A derivative of such a state is looked up, not computed; pools share the table. What is exported keeps its facts
// (nullable, least, hash), so putting it into a pool is a look-up for each part.
#include <algorithm>
#include <unordered_map>

#include "errors.hpp"
#include "expr.hpp"

namespace guided {

namespace {

std::size_t held_by(const std::vector<CharSet>& sets) {
    std::size_t bytes = sets.capacity() * sizeof(CharSet);
    for (const CharSet& set : sets) bytes += 16 + set.capacity() * sizeof(Range);
    return bytes;
}

}  // namespace

std::size_t ExprPool::Table::num_bytes() const {
    return sizeof(Table) + held_by(sets) + edges.capacity() * sizeof(Edge) + (first_edge.capacity() + least.capacity()) * 4 + accepting.capacity() / 8;
}

std::size_t PortableExpr::num_bytes() const {
    std::size_t bytes = sizeof(PortableExpr) + nodes.capacity() * sizeof(ExprPool::Node) + lists.capacity() * sizeof(ExprId) + held_by(sets);
    for (const auto& table : tables) bytes += table->num_bytes();
    return bytes;
}

ExprId ExprPool::state_of(std::uint32_t table, std::uint32_t state) {
    const Table& t = *tables_[table].table;
    if (t.edges_of(state).empty()) return t.accepting[state] ? kEpsilon : kEmpty;
    return intern(ExprKind::State, t.accepting[state], table, state, 0, 0);
}

std::uint32_t ExprPool::intern_table(std::shared_ptr<const Table> table) {
    for (std::uint32_t i = 0; i < tables_.size(); ++i)
        if (tables_[i].table == table || tables_[i].table->hash == table->hash) return i;
    Known known{std::move(table), {}};
    for (const CharSet& chars : known.table->sets) known.set_ids.push_back(intern_set(chars));
    tables_.push_back(std::move(known));
    return static_cast<std::uint32_t>(tables_.size() - 1);
}

ExprId ExprPool::automaton(const Automaton& a) {
    auto table = table_of(a);
    return table ? state_of(intern_table(std::move(table)), 0) : kEmpty;
}

std::shared_ptr<const ExprPool::Table> ExprPool::table_of(const Automaton& a) {
    const std::size_t num = a.states.size();
    auto t = std::make_shared<Table>();
    t->least.assign(num, kUnbounded);  // kUnbounded: the end cannot be reached
    std::vector<std::vector<std::uint32_t>> into(num);
    for (std::uint32_t s = 0; s < num; ++s)
        for (const auto& edge : a.states[s]) into[edge.to].push_back(s);
    std::vector<std::uint32_t> queue;
    for (std::uint32_t s = 0; s < num; ++s)
        if (a.accepting[s]) t->least[s] = 0, queue.push_back(s);
    for (std::size_t i = 0; i < queue.size(); ++i)
        for (std::uint32_t from : into[queue[i]])
            if (t->least[from] == kUnbounded) t->least[from] = t->least[queue[i]] + 1, queue.push_back(from);
    if (num == 0 || t->least[0] == kUnbounded) return nullptr;
    t->accepting = a.accepting;
    ListIds<Range> sets;
    for (std::uint32_t s = 0; s < num; ++s) {
        t->first_edge.push_back(static_cast<std::uint32_t>(t->edges.size()));
        absorb(t->hash, 0x5741 + a.accepting[s]);
        for (const auto& edge : a.states[s]) {
            if (t->least[edge.to] == kUnbounded || edge.chars.empty()) continue;
            const auto [set, is_new] = sets.insert(edge.chars);
            if (is_new) t->sets.push_back(edge.chars);
            t->edges.push_back({set, edge.to});
            for (const Range& r : edge.chars) absorb(t->hash, (std::uint64_t(r.lo) << 32) | r.hi);
            absorb(t->hash, edge.to);
        }
    }
    t->first_edge.push_back(static_cast<std::uint32_t>(t->edges.size()));
    t->edges.shrink_to_fit(), t->first_edge.shrink_to_fit(), t->sets.shrink_to_fit();
    return t;
}

ExprId ExprPool::tabulated(ExprId e, std::size_t max_states) {
    Automaton a;
    std::vector<ExprId> order{e};
    std::unordered_map<ExprId, std::uint32_t> number{{e, 0}};
    for (std::size_t at = 0; at < order.size(); ++at) {
        if (order.size() > max_states) return e;
        a.accepting.push_back(nodes_[order[at]].nullable);
        std::vector<Automaton::Edge> edges;
        const Partition& p = partition_of(firsts(order[at]));
        for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
            if (p.chars(cls).empty()) continue;
            const ExprId to = derive(order[at], p.representative(cls));
            if (!nonempty(to)) continue;
            const auto [it, fresh] = number.try_emplace(to, static_cast<std::uint32_t>(order.size()));
            if (fresh) order.push_back(to);
            const auto same = std::find_if(edges.begin(), edges.end(), [&](const auto& edge) { return edge.to == it->second; });
            if (same == edges.end()) edges.push_back({CharSet(p.chars(cls).begin(), p.chars(cls).end()), it->second});
            else same->chars = unite(same->chars, p.chars(cls));
        }
        a.states.push_back(std::move(edges));
    }
    return automaton(a);
}

PortableExpr ExprPool::exported(ExprId e) const {
    std::vector<ExprId> order, pending{e};
    std::unordered_map<std::uint32_t, std::uint32_t> index, set_index, table_index;
    while (!pending.empty()) {
        const ExprId at = pending.back();
        pending.pop_back();
        if (!index.try_emplace(at, 0).second) continue;
        order.push_back(at);
        const Node& n = nodes_[at];
        if (n.kind == ExprKind::Cat) pending.push_back(n.b);
        if (n.kind == ExprKind::Cat || n.kind == ExprKind::Not || n.kind == ExprKind::Repeat) pending.push_back(n.a);
        if (n.kind == ExprKind::Alt || n.kind == ExprKind::And) pending.insert(pending.end(), lists_.begin() + n.a, lists_.begin() + n.a + n.b);
    }
    std::sort(order.begin(), order.end());  // parts are made before what is made of them, but for kAll
    if (auto all = std::find(order.begin(), order.end(), kAll); all != order.end() && all + 1 != order.end()) std::swap(all[0], all[1]);
    PortableExpr out;
    for (ExprId at : order) {
        Node n = nodes_[at];
        index[at] = static_cast<std::uint32_t>(out.nodes.size());
        auto named = [](auto& names, std::uint32_t id, auto& list, const auto& value) {
            const auto [it, fresh] = names.try_emplace(id, static_cast<std::uint32_t>(list.size()));
            if (fresh) list.push_back(value);
            return it->second;
        };
        switch (n.kind) {
            case ExprKind::Set: n.a = named(set_index, n.a, out.sets, CharSet(sets_[n.a].begin(), sets_[n.a].end())); break;
            case ExprKind::State: n.a = named(table_index, n.a, out.tables, tables_[n.a].table); break;
            case ExprKind::Cat: n.b = index.at(n.b), n.a = index.at(n.a); break;
            case ExprKind::Not:
            case ExprKind::Repeat: n.a = index.at(n.a); break;
            case ExprKind::Alt:
            case ExprKind::And:
                for (std::uint32_t i = 0; i < n.b; ++i) out.lists.push_back(index.at(lists_[n.a + i]));
                n.a = static_cast<std::uint32_t>(out.lists.size()) - n.b;
                break;
            default: break;
        }
        out.nodes.push_back(n);
    }
    out.nodes.shrink_to_fit(), out.lists.shrink_to_fit(), out.sets.shrink_to_fit();
    return out;
}

ExprId ExprPool::insert(const PortableExpr& x) {
    std::vector<ExprId> ids;
    ids.reserve(x.nodes.size());
    std::vector<ExprId> list;
    for (const Node& n : x.nodes) {
        list.clear();
        std::uint32_t a = n.a, b = n.b;
        switch (n.kind) {
            case ExprKind::Set: a = intern_set(x.sets[n.a]); break;
            case ExprKind::State: a = intern_table(x.tables[n.a]); break;
            case ExprKind::Cat: a = ids[n.a], b = ids[n.b]; break;
            case ExprKind::Not:
            case ExprKind::Repeat: a = ids[n.a]; break;
            case ExprKind::Alt:
            case ExprKind::And:
                for (std::uint32_t i = 0; i < n.b; ++i) list.push_back(ids[x.lists[n.a + i]]);
                std::sort(list.begin(), list.end());
                a = b = 0;
                break;
            default: break;
        }
        ids.push_back(intern(n.kind, n.nullable, a, b, n.min, n.max, list));
    }
    return ids.back();
}

}  // namespace guided
