"""`python -m igx.video.trial` draws one small picture, and fails where MuJoCo can't; see `igx.video.renderers`."""

import sys

import mujoco

_SCENE = """
<mujoco>
  <worldbody>
    <light pos="0 0 3"/>
    <camera pos="0 -1 1" xyaxes="1 0 0 0 1 1"/>
    <geom type="sphere" size="0.2" rgba="1 0 0 1"/>
  </worldbody>
</mujoco>
"""


def main() -> bool:
    """Whether the picture of a sphere shows something."""
    model = mujoco.MjModel.from_xml_string(_SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, height=32, width=32) as renderer:
        renderer.update_scene(data, camera=0)
        picture = renderer.render()
    return int(picture.min()) < int(picture.max())


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
