"""What a carrier is doing, for somebody who watches: seen, told in lines, drawn."""
