"""Where the pointer of the display `DISPLAY` is: two numbers, as Xlib tells them."""

from Xlib.display import Display

found = Display().screen().root.query_pointer()
print(found.root_x, found.root_y)
