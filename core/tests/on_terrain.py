"""An ant on a ground of several cells, of which each environment has its own around it."""

from igx import Articulation, JointEffort, Task, Terrain, TerrainConfig, observation, on_reset, terms


class OnTerrain(Task):
    ground = Terrain(TerrainConfig(levels=2, types=4, initial_level=1, around=0))
    robot = Articulation("ant", spawn_height=0.5)
    effort = JointEffort(robot, scale=15.0)
    height = observation(terms.root_height)
    start = on_reset(terms.start_on_terrain)
