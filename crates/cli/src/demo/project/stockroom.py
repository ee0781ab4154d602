"""Stock of a small warehouse."""


def total_value(items):
    """Sum of quantity times unit price, in cents."""
    return sum(item["quantity"] * item["price_cents"] for item in items)


def reorder_list(items):
    """Names of items at or below their reorder level, most urgent first.

    Urgent is what has the smallest share of its reorder level left.
    """
    low = [item for item in items if item["quantity"] < item["reorder_level"]]
    low.sort(key=lambda item: item["quantity"])
    return [item["name"] for item in low]


def parse_line(line):
    """Reads `name;quantity;price`, the price in euros, for example `bolt;40;0.29`."""
    name, quantity, price = line.strip().split(";")
    return {"name": name, "quantity": int(quantity), "price_cents": int(float(price) * 100)}
