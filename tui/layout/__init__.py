"""Geometry of graphs, trees and time lines: numbers in, numbers out; knows no screen."""
