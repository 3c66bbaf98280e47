"""How a model uses tools until it has an answer: steps, budgets, and the loop of thought, action and observation."""

from guided.agents.budget import Budget
from guided.agents.react_agent import ReactAgent
from guided.agents.run import AgentStats, ReactRun
from guided.agents.steps import Action, Observation, Step

__all__ = ["Action", "AgentStats", "Budget", "Observation", "ReactAgent", "ReactRun", "Step"]
