"""Topologies: how the edges of a projection are given or drawn, and edge lists."""
