"""Terms that every task may use: plain functions of a task, one row per environment.

Written in a task as ``height = observation(terms.root_height)``, or added in a config by their registered names. Those
that look at a robot take its attribute's name, `robot` by default.
"""

from igx.terms.actions import action_l2, action_power, action_rate_l2, last_action
from igx.terms.joints import joint_effort, joint_pos, joint_pos_scaled, joint_vel, joints_at_limit
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

__all__ = [
    "action_l2",
    "action_power",
    "action_rate_l2",
    "alive",
    "joint_effort",
    "joint_pos",
    "joint_pos_scaled",
    "joint_vel",
    "joints_at_limit",
    "last_action",
    "projected_gravity",
    "root_ang_vel_b",
    "root_ang_vel_w",
    "root_below",
    "root_height",
    "root_lin_vel_b",
    "root_lin_vel_w",
    "root_quat",
    "root_upright",
    "root_yaw_roll",
    "wrench",
]
