// errors: 1
mod one {
    /// One.
    #[countersign::tool(name = "billing.pay_back")]
    pub fn refund() {}
}

mod two {
    /// Two.
    #[countersign::tool(name = "billing.pay_back")]
    pub fn pay_back() {}
}

fn main() {}
