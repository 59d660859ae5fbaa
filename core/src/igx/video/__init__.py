"""Videos of environments, drawn and encoded without torch: a process of its own can do it while another one trains."""
