"""Terms that every task may use: plain functions of a task, one row per environment.

Written in a task as ``height = observation(terms.root_height)``, or added in a config by their registered names. Those
that look at a robot take its attribute's name, `robot` by default.
"""

from igx.terms.actions import action_l2, action_power, action_rate_l2, last_action
from igx.terms.commands import velocity_command
from igx.terms.joints import joint_effort, joint_pos, joint_pos_scaled, joint_vel, joints_at_limit
from igx.terms.randomize import (
    center_of_mass,
    friction,
    gains,
    gravity,
    joint_armature,
    joint_damping,
    joint_friction,
    mass,
    push,
)
from igx.terms.root import (
    projected_gravity,
    root_ang_vel_b,
    root_ang_vel_w,
    root_below,
    root_height,
    root_lin_vel_b,
    root_lin_vel_w,
    root_quat,
    root_upright,
    root_yaw_roll,
    wrench,
)
from igx.terms.survival import alive
from igx.terms.terrain import (
    climb_by_distance,
    height_scan,
    off_terrain,
    root_height_above_ground,
    root_near_ground,
    start_on_terrain,
    terrain_level,
)

__all__ = [
    "action_l2",
    "action_power",
    "action_rate_l2",
    "alive",
    "center_of_mass",
    "climb_by_distance",
    "friction",
    "gains",
    "gravity",
    "height_scan",
    "joint_armature",
    "joint_damping",
    "joint_effort",
    "joint_friction",
    "joint_pos",
    "joint_pos_scaled",
    "joint_vel",
    "joints_at_limit",
    "last_action",
    "mass",
    "off_terrain",
    "projected_gravity",
    "push",
    "root_ang_vel_b",
    "root_ang_vel_w",
    "root_below",
    "root_height",
    "root_height_above_ground",
    "root_lin_vel_b",
    "root_lin_vel_w",
    "root_near_ground",
    "root_quat",
    "root_upright",
    "root_yaw_roll",
    "start_on_terrain",
    "terrain_level",
    "velocity_command",
    "wrench",
]
