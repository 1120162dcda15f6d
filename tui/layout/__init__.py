"""The geometry of graphs, trees and time lines: pure functions on numbers; knows no screen."""
